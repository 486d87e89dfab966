//! Names for the return addresses of a stack.

use std::borrow::ToOwned;
use std::format;
use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::intern::{self, StackId};

/// A function on a stack; one that was inlined has a frame of its own.
///
/// ```
/// use malloc_safe::leak::{self, Frame};
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
        unsafe { CStr::from_ptr(info.dli_sname) }
            .to_string_lossy()
            .into_owned()
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
