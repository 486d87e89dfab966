//! What the files of one executable or library say of an address in it.

use addr2line::Loader;
use memmap2::Mmap;
use object::{Object, ObjectSection as _, read::elf::ElfFile64};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::frame::Frame;
use super::symbol_table::SymbolTable;

/// Where distributions put debug information that they split off.
const DEBUG_ROOT: &str = "/usr/lib/debug";

/// One module's names. Reads its files once, when it is made.
#[derive(Default)]
pub(super) struct ModuleFile {
    symbols: SymbolTable,
    lines: Option<Loader>,
}

impl ModuleFile {
    /// Reads what there is; a file that cannot be read, or is none, names nothing.
    pub(super) fn open(path: &Path) -> Self {
        let Some(data) = map(path) else {
            return Self::default();
        };
        let Ok(file) = ElfFile64::<object::Endianness>::parse(&*data) else {
            return Self::default();
        };
        let split_off = debug_file(&file);
        let debug_data = split_off.as_deref().and_then(map);
        let debug = debug_data
            .as_ref()
            .and_then(|data| ElfFile64::<object::Endianness>::parse(&**data).ok());
        let symbols = match &debug {
            Some(debug) => SymbolTable::of(&[&file, debug]),
            None => SymbolTable::of(&[&file]),
        };
        Self {
            symbols,
            lines: lines(path, &file, split_off.as_deref().zip(debug.as_ref())),
        }
    }

    /// The functions at an address of the file's own, innermost first: those that were inlined there,
    /// then the one that they are in. Empty if nothing names it.
    pub(super) fn frames(&self, address: u64, object: &str) -> Vec<Frame> {
        let mut frames = Vec::new();
        let symbol = self.symbols.at(address);
        let mut physical_is_mangled = false;
        if let Some(lines) = &self.lines
            && let Ok(mut found) = lines.find_frames(address)
        {
            while let Ok(Some(frame)) = found.next() {
                let name = frame.function.as_ref().and_then(|name| {
                    let raw = name.raw_name().ok()?;
                    let plain = demangled(&raw);
                    physical_is_mangled = *plain != *raw;
                    Some(plain)
                });
                let (file, line) = frame
                    .location
                    .map_or((None, None), |place| (place.file, place.line));
                let Some(function) = name.or_else(|| symbol.map(demangled)) else {
                    continue;
                };
                frames.push(Frame {
                    function,
                    file: file.map(PathBuf::from),
                    line,
                    object: Some(object.to_owned()),
                });
            }
        }
        match (frames.last_mut(), symbol) {
            // Line tables alone know a function by its last name: the symbol's has its path.
            (Some(physical), Some(symbol)) if !physical_is_mangled => {
                let plain = demangled(symbol);
                if plain != symbol {
                    physical.function = plain;
                }
            }
            (None, Some(symbol)) => {
                frames.push(Frame::named(demangled(symbol), Some(object.to_owned())));
            }
            _ => {}
        }
        frames
    }
}

/// Rust's and C++'s names as programs write them, without the hash that Rust's end with.
fn demangled(name: &str) -> String {
    addr2line::demangle_auto(name.into(), None).into_owned()
}

fn map(path: &Path) -> Option<Mmap> {
    let file = File::open(path).ok()?;
    // SAFETY: no one but a system's upgrade changes these files, and that by replacing them.
    unsafe { Mmap::map(&file) }.ok()
}

/// A reader of the module's lines, if it has any.
fn lines<'data>(
    path: &Path,
    file: &impl Object<'data>,
    split_off: Option<(&Path, &impl Object<'data>)>,
) -> Option<Loader> {
    if has_lines(file) {
        return Loader::new(path).ok();
    }
    // The C library's functions are known by their names everywhere, and its lines take longer to
    // read than all the rest.
    if is_the_c_librarys(path) {
        return None;
    }
    let (path, debug) = split_off.filter(|(_, debug)| has_lines(*debug))?;
    let shared = debug.gnu_debugaltlink().ok().flatten().map(|(name, _)| {
        let name = Path::new(std::str::from_utf8(name).unwrap_or_default());
        path.parent()
            .map_or(name.to_owned(), |folder| folder.join(name))
    });
    Loader::new_with_sup(path, shared.filter(|shared| shared.exists())).ok()
}

fn has_lines<'data>(file: &impl Object<'data>) -> bool {
    file.section_by_name(".debug_info")
        .is_some_and(|section| section.size() > 0)
}

fn is_the_c_librarys(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        [
            "libc.so",
            "libc-",
            "ld-linux",
            "libpthread",
            "libm.so",
            "libdl",
            "librt",
        ]
        .iter()
        .any(|library| name.starts_with(library))
    })
}

/// The file of debug information that was split off from this one, known by its build id.
fn debug_file<'data>(file: &impl Object<'data>) -> Option<PathBuf> {
    let id = file.build_id().ok().flatten()?;
    let (first, rest) = id.split_first()?;
    let mut path = format!("{DEBUG_ROOT}/.build-id/{first:02x}/");
    for byte in rest {
        write!(path, "{byte:02x}").expect("a string takes all");
    }
    path.push_str(".debug");
    Some(PathBuf::from(path)).filter(|path| path.exists())
}
