//! Names for return addresses: each is named once a process, and shared by all reports.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashMap;
use std::path::Path;

use super::frame::Frame;
use super::intern::{self, StackId};
use super::module_file::ModuleFile;
use super::modules::{self, Module};

static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// From now on, in this process and its children, a frame is named by its address alone: a child that
/// was forked while another thread named frames has the loader's locks, and the names so far, as they
/// were at that moment, for good.
pub(crate) fn give_up_names() {
    GIVEN_UP.store(true, Ordering::Relaxed);
}

/// Whether frames have names.
pub(crate) fn can_be_named() -> bool {
    !GIVEN_UP.load(Ordering::Relaxed)
}

/// A module's files, and the addresses in it that have been named.
struct NamedModule {
    file: ModuleFile,
    frames: HashMap<u64, Box<[Frame]>>,
}

/// Names frames from the files of the modules that hold them.
///
/// Each module's files are read once, and each address is named once.
#[derive(Default)]
pub(crate) struct Symbolizer {
    modules: HashMap<String, NamedModule>,
}

impl Symbolizer {
    /// The functions at a return address: in the file's own terms, so that it may be another process's.
    /// Innermost first; at least one, which is `object+0x…` if nothing names it.
    pub(crate) fn name(&mut self, module: &str, return_address: u64) -> &[Frame] {
        if !self.modules.contains_key(module) {
            let named = NamedModule {
                file: ModuleFile::open(Path::new(module)),
                frames: HashMap::new(),
            };
            self.modules.insert(module.to_owned(), named);
        }
        let NamedModule { file, frames } = self.modules.get_mut(module).expect("it is there now");
        frames.entry(return_address).or_insert_with(|| {
            // The call is just before the address that it returns to.
            let found = file.frames(return_address.wrapping_sub(1), module);
            if found.is_empty() {
                Box::new([nameless(module, return_address)])
            } else {
                found.into()
            }
        })
    }
}

fn nameless(module: &str, offset: u64) -> Frame {
    let file = module.rsplit('/').next().unwrap_or_default();
    Frame::named(format!("{file}+{offset:#x}"), Some(module.to_owned()))
}

/// The modules of this process, to name stacks in.
pub(crate) struct Stacks<'s> {
    symbolizer: Option<&'s mut Symbolizer>,
    /// Asked for at the first address.
    loaded: Option<Vec<Module>>,
}

impl<'s> Stacks<'s> {
    /// Without a symbolizer, a frame is named by its address.
    pub(crate) fn new(symbolizer: Option<&'s mut Symbolizer>) -> Self {
        Self {
            symbolizer,
            loaded: None,
        }
    }

    /// Names the frames of a stack, innermost first. Allocates, takes a lock of the loader's, and reads
    /// debug information from files: not inside a hook.
    pub(crate) fn name(&mut self, stack: StackId) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &address in intern::frames(stack) {
            self.append(stack, address, &mut frames);
        }
        frames
    }

    fn append(&mut self, stack: StackId, address: usize, frames: &mut Vec<Frame>) {
        let call = address.wrapping_sub(1);
        let Some(symbolizer) = &mut self.symbolizer else {
            frames.push(Frame::named(format!("{address:#x}"), None));
            return;
        };
        let loaded = self.loaded.get_or_insert_with(modules::loaded);
        let holder = loaded.iter().find(|module| module.holds(call));
        let closed: Vec<&Module> = modules::seen()
            .filter(|seen| seen.module.holds(call) && seen.may_be_on(stack.get()))
            .map(|seen| &seen.module)
            .filter(|module| Some(*module) != holder)
            .collect();
        match (holder, &closed[..]) {
            (Some(module), []) => {
                frames.extend_from_slice(symbolizer.name(&module.name, module.offset(address)));
            }
            (None, []) => frames.push(Frame::named(format!("{address:#x}"), None)),
            // Its code is gone, and there may have been another's at the same place.
            (_, closed) => {
                let mut places: Vec<String> = holder
                    .into_iter()
                    .chain(closed.iter().copied())
                    .map(|module| nameless(&module.name, module.offset(address)).function)
                    .collect();
                places.sort();
                let object = closed.first().map(|module| module.name.clone());
                frames.push(Frame::named(
                    places.join(" or "),
                    object.filter(|_| places.len() == 1),
                ));
            }
        }
    }
}

/// Names a stack of a test's.
#[cfg(test)]
pub(crate) fn resolve(stack: StackId) -> Vec<Frame> {
    static SYMBOLIZER: std::sync::Mutex<Option<Symbolizer>> = std::sync::Mutex::new(None);
    let mut symbolizer = SYMBOLIZER.lock().expect("no panic");
    Stacks::new(Some(symbolizer.get_or_insert_default())).name(stack)
}

#[cfg(test)]
mod tests {
    use super::{intern, resolve};

    #[test]
    fn an_address_in_no_object_is_its_own_name() {
        let frames = resolve(intern::intern(&[0x1_0000, 0x2_0000]));
        let names = frames.iter().map(|frame| &frame.function[..]);
        assert!(names.eq(["0x10000", "0x20000"]), "{frames:?}");
        assert!(frames.iter().all(|frame| frame.object.is_none()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_that_nothing_names_is_an_offset_in_its_object() {
        let qsort = libc::qsort as *const () as usize;
        let modules = super::modules::loaded();
        let libc = modules
            .iter()
            .find(|module| module.holds(qsort))
            .expect("in an object");
        // The C library's header, before all its code.
        let header = intern::intern(&[libc.bias + 2]);
        let frames = resolve(header);
        assert!(frames[0].function.ends_with("+0x2"), "{frames:?}");
        assert_eq!(frames[0].object.as_ref(), Some(&libc.name));
    }
}
