//! Which executable or library holds an address: of those that are loaded, and of those that were.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::env;

/// An executable or library, as it is or was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// As the loader knows it.
    pub(crate) name: String,
    /// What the loader added to the file's own addresses.
    pub(crate) bias: usize,
    /// From the first loaded segment to the last.
    start: usize,
    end: usize,
}

impl Module {
    pub(crate) fn holds(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// The address in the file's own terms.
    pub(crate) fn offset(&self, address: usize) -> u64 {
        address.wrapping_sub(self.bias) as u64
    }
}

/// The modules that are loaded now. Allocates, and takes a lock of the loader's.
#[cfg(target_os = "linux")]
pub(crate) fn loaded() -> Vec<Module> {
    let mut modules = Vec::new();
    // SAFETY: the callback is given the vector, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut modules).cast()) };
    modules
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn loaded() -> Vec<Module> {
    Vec::new()
}

/// A word of the loader's, which is as wide as an address.
#[cfg(target_os = "linux")]
fn address(word: impl TryInto<usize>) -> usize {
    word.try_into().unwrap_or_default()
}

#[cfg(target_os = "linux")]
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: the loader's, for this call.
    let info = unsafe { &*info };
    // SAFETY: `loaded` passes this very vector.
    let modules = unsafe { &mut *data.cast::<Vec<Module>>() };
    let bias = address(info.dlpi_addr);
    // SAFETY: so many headers, which stay while the module is loaded.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let segments = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD);
    let range = segments.fold((usize::MAX, 0), |(start, end), segment| {
        let first = bias.wrapping_add(address(segment.p_vaddr));
        (start.min(first), end.max(first + address(segment.p_memsz)))
    });
    let name = if info.dlpi_name.is_null() {
        String::new()
    } else {
        // SAFETY: not NULL, so the loader's C string.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        name.to_string_lossy().into_owned()
    };
    // The first is the program, without a name.
    let name = if name.is_empty() && modules.is_empty() {
        let program = env::current_exe().unwrap_or_default();
        program.to_string_lossy().into_owned()
    } else {
        name
    };
    if range.0 < range.1 {
        modules.push(Module {
            name,
            bias,
            start: range.0,
            end: range.1,
        });
    }
    0
}

/// A module that was loaded when some library was about to be closed. Nodes are only added, without
/// a lock, so that a fork at any moment leaves the list whole.
pub(crate) struct Seen {
    pub(crate) module: Module,
    /// The first number that no stack had when it was last seen: stacks from there on are of what was
    /// loaded later.
    until: AtomicU32,
    next: *const Seen,
}

impl Seen {
    /// Whether code of the module may be on a stack with this number.
    pub(crate) fn may_be_on(&self, stack: u32) -> bool {
        stack < self.until.load(Ordering::Relaxed)
    }
}

static SEEN: AtomicPtr<Seen> = AtomicPtr::new(ptr::null_mut());

/// Remembers what is loaded, as some of it is about to be closed; `until` is the first number that no
/// stack has yet.
pub(crate) fn note_before_closing(until: u32) {
    for module in loaded() {
        if let Some(known) = seen().find(|known| known.module == module) {
            known.until.fetch_max(until, Ordering::Relaxed);
            continue;
        }
        let node = Box::into_raw(Box::new(Seen {
            module,
            until: AtomicU32::new(until),
            next: ptr::null(),
        }));
        let mut first = SEEN.load(Ordering::Acquire);
        loop {
            // SAFETY: this call's own until the list leads to it.
            unsafe { (*node).next = first };
            match SEEN.compare_exchange_weak(first, node, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(newer) => first = newer,
            }
        }
    }
}

/// What was loaded at any time before something was closed.
pub(crate) fn seen() -> impl Iterator<Item = &'static Seen> {
    let mut next = SEEN.load(Ordering::Acquire).cast_const();
    core::iter::from_fn(move || {
        // SAFETY: NULL, or a node, which is never changed once it is in the list, nor freed.
        let node = unsafe { next.as_ref() }?;
        next = node.next;
        Some(node)
    })
}
