//! Names for the return addresses of a stack.

use std::borrow::ToOwned;
use std::format;
use std::path::PathBuf;

use super::intern::{self, StackId};

/// A function on a stack; one that was inlined has a frame of its own.
///
/// ```
/// use malloc_watch::leak::{self, Frame};
///
/// # if leak::status() == leak::Status::Active {
/// // SAFETY: no precondition.
/// let report = leak::scope(|| unsafe { malloc_sys::workload_number(7) });
/// let innermost: &Frame = &report.sites()[0].frames()[0];
/// assert_eq!(innermost.function, "workload_number");
/// assert!(innermost.object.is_some()); // the program, into which the function is linked
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Frame {
    /// Its name, demangled; `0x…` where nothing names it, or `object+0x…`.
    pub function: String,
    /// The source file that the call is in, if the object has debug information.
    pub file: Option<PathBuf>,
    /// The line that the call is on.
    pub line: Option<u32>,
    /// The executable or library that holds the function, as the loader knows it.
    pub object: Option<String>,
}

/// Names the frames of a stack, innermost first.
///
/// Allocates, locks, and reads debug information from files: not inside a hook.
pub(crate) fn resolve(id: StackId) -> Vec<Frame> {
    let mut resolved = Vec::new();
    for &return_address in intern::frames(id) {
        append(return_address, &mut resolved);
    }
    resolved
}

/// The exported function that the innermost frame is in, as far as the loader knows: quickly said.
pub(crate) fn innermost_export(id: StackId) -> Option<String> {
    let innermost = intern::frames(id).first()?;
    object(innermost.wrapping_sub(1))?.exported
}

fn append(return_address: usize, resolved: &mut Vec<Frame>) {
    let address = core::ptr::without_provenance_mut(return_address);
    let object = object(return_address.wrapping_sub(1));
    if let Some(function) = object.as_ref().and_then(Object::exported_by_libc) {
        resolved.push(Frame {
            function,
            file: None,
            line: None,
            object: object.map(|object| object.name),
        });
        return;
    }
    let before = resolved.len();
    // The crate itself looks just before the address, as it is a return address.
    backtrace::resolve(address, |symbol| {
        if let Some(name) = symbol.name() {
            resolved.push(Frame {
                // Without the hash that Rust's names end with.
                function: format!("{name:#}"),
                file: symbol.filename().map(ToOwned::to_owned),
                line: symbol.lineno(),
                object: object.as_ref().map(|object| object.name.clone()),
            });
        }
    });
    if resolved.len() == before {
        let function = match &object {
            // A library without debug information still has the names that it exports.
            Some(Object {
                exported: Some(function),
                ..
            }) => function.clone(),
            Some(object) => {
                let name = object.name.rsplit('/').next().unwrap_or_default();
                format!("{name}+{:#x}", return_address.wrapping_sub(object.base))
            }
            None => format!("{return_address:#x}"),
        };
        let object = object.map(|object| object.name);
        resolved.push(Frame {
            function,
            file: None,
            line: None,
            object,
        });
    }
}

/// The executable or library at an address.
struct Object {
    name: String,
    base: usize,
    /// The exported function that the address is in.
    exported: Option<String>,
}

impl Object {
    /// The C library's exported functions are known by these names everywhere, and its debug
    /// information, where it is installed, takes longer to read than all the rest.
    fn exported_by_libc(&self) -> Option<String> {
        let name = self.name.rsplit('/').next()?;
        let exported = self.exported.as_ref()?;
        name.starts_with("libc.so").then(|| exported.clone())
    }
}

/// The name that programs know a function by: of several for one, the loader says any.
#[cfg(unix)]
fn public_name(exported: &core::ffi::CStr, function: *mut core::ffi::c_void) -> String {
    let exported = exported.to_string_lossy();
    let plain = ["__", "_IO_", "_"]
        .iter()
        .find_map(|prefix| exported.strip_prefix(prefix))
        .unwrap_or(&exported);
    let candidates = [plain.strip_suffix("64").unwrap_or(plain), plain];
    let is_it = |name: &&str| {
        std::ffi::CString::new(*name).is_ok_and(|name| {
            // SAFETY: a C string; the answer is only compared.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) == function }
        })
    };
    let found = candidates.into_iter().find(is_it);
    found.unwrap_or(&exported).to_owned()
}

#[cfg(unix)]
fn object(address: usize) -> Option<Object> {
    use core::ffi::CStr;
    use core::mem::MaybeUninit;
    use core::ptr;

    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked about, and the answer has its place.
    if unsafe { libc::dladdr(ptr::without_provenance(address), info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: pointers, which may be zero; and filled by the call.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: not NULL, so the loader's C string.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let exported = (!info.dli_sname.is_null()).then(|| {
        // SAFETY: not NULL, so the library's C string.
        let exported = unsafe { CStr::from_ptr(info.dli_sname) };
        public_name(exported, info.dli_saddr)
    });
    Some(Object {
        name: name.to_string_lossy().into_owned(),
        base: info.dli_fbase.addr(),
        exported,
    })
}

#[cfg(not(unix))]
fn object(_address: usize) -> Option<Object> {
    None
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
        // The C library's header, before all its code.
        let libc = super::object(libc::qsort as *const () as usize).expect("in an object");
        let frames = resolve(intern::intern(&[libc.base + 2]));
        assert!(frames[0].function.ends_with("+0x2"), "{frames:?}");
        assert_eq!(frames[0].object, Some(libc.name));
    }
}
