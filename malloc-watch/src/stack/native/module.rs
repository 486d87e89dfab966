//! The unwind tables of the executable or library that holds an address.
//!
//! glibc 2.35 and later answer without a lock, by `_dl_find_object`; elsewhere, and before
//! [`look_up`], the C library's list is walked, which takes one. Nothing is kept: after `dlclose`
//! nothing can be stale.

use core::ffi::{c_int, c_void};
use core::mem;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::limits;

/// The tables of one module, which stay mapped while a function of the module is on the stack.
pub(super) struct Tables<'m> {
    /// `.eh_frame_hdr`, and what is behind it in its segment.
    pub(super) index: &'m [u8],
    loaded: Segments<'m>,
}

impl<'m> Tables<'m> {
    /// What is loaded from this address up to the end of its segment.
    pub(super) fn loaded_at(&self, address: usize) -> Option<&'m [u8]> {
        self.loaded.bytes_at(address)
    }
}

/// Calls `look` with the tables of the module that holds the code at `address`: `None` if it has
/// none. Without calling it, `None` if no module holds the address.
pub(super) fn with_tables<R, F: FnOnce(Option<Tables<'_>>) -> R>(
    address: usize,
    look: F,
) -> Option<R> {
    match find_object() {
        Some(find) => ask(find, address, look),
        None => search(address, look),
    }
}

/// Whether a module holds the address. Nothing of the module is read: the address may be one from
/// before it went away.
pub(super) fn holds(address: usize) -> bool {
    match find_object() {
        Some(find) => found(find, address).is_some(),
        None => search(address, |_| ()).is_some(),
    }
}

/// Asks glibc.
fn ask<R>(
    find: FindObject,
    address: usize,
    look: impl FnOnce(Option<Tables<'_>>) -> R,
) -> Option<R> {
    found(find, address).map(|found| look(found.tables()))
}

fn found(find: FindObject, address: usize) -> Option<FoundObject> {
    let mut found = FoundObject::default();
    let address = ptr::without_provenance_mut(address);
    // SAFETY: glibc's function, with a place of the type that it fills.
    (unsafe { find(address, &raw mut found) } == 0).then_some(found)
}

/// Walks the C library's list.
fn search<R, F: FnOnce(Option<Tables<'_>>) -> R>(address: usize, look: F) -> Option<R> {
    let mut walk = ListWalk {
        address,
        look: Some(look),
        result: None,
    };
    // SAFETY: the callback is given the walk, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit::<R, F>), (&raw mut walk).cast()) };
    walk.result
}

/// A module's loaded segments: its program headers, and what to add to the addresses in them.
struct Segments<'m> {
    bias: usize,
    headers: &'m [libc::Elf64_Phdr],
}

impl<'m> Segments<'m> {
    fn contains(&self, address: usize) -> bool {
        self.loaded(address).is_some()
    }

    /// Whether a segment of code begins in the page of this address, or a readable one holds it: these
    /// are then the headers of the module that was asked for.
    fn contains_code(&self, address: usize) -> bool {
        self.contains(address)
            || self.headers.iter().any(|header| {
                let start =
                    usize::try_from(header.p_vaddr).map(|start| self.bias.wrapping_add(start));
                header.p_type == libc::PT_LOAD
                    && start.is_ok_and(|start| start & !4095 == address & !4095)
            })
    }

    /// The end of the loaded segment that holds the address.
    fn loaded(&self, address: usize) -> Option<usize> {
        self.headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD)
            .find_map(|header| {
                let start = self
                    .bias
                    .wrapping_add(usize::try_from(header.p_vaddr).ok()?);
                let end = start.checked_add(usize::try_from(header.p_memsz).ok()?)?;
                (start <= address && address < end && header.p_flags & libc::PF_R != 0)
                    .then_some(end)
            })
    }

    fn bytes_at(&self, address: usize) -> Option<&'m [u8]> {
        let end = self.loaded(address)?;
        // SAFETY: from inside a readable segment of a module that stays for 'm up to its end, and
        // the unwind tables, which are all that is asked for, are not written.
        Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(address), end - address) })
    }

    fn tables(self) -> Option<Tables<'m>> {
        let header = self
            .headers
            .iter()
            .find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
        let index = self
            .bias
            .wrapping_add(usize::try_from(header.p_vaddr).ok()?);
        Some(Tables {
            index: self.bytes_at(index)?,
            loaded: self,
        })
    }
}

/// glibc's `struct dl_find_object` on x86-64 and AArch64.
#[repr(C)]
struct FoundObject {
    flags: u64,
    start: *mut c_void,
    end: *mut c_void,
    link_map: *mut c_void,
    index: *mut c_void,
    reserved: [u64; 7],
}

impl Default for FoundObject {
    fn default() -> Self {
        Self {
            flags: 0,
            start: ptr::null_mut(),
            end: ptr::null_mut(),
            link_map: ptr::null_mut(),
            index: ptr::null_mut(),
            reserved: [0; 7],
        }
    }
}

impl FoundObject {
    /// The module's tables, by its program headers.
    fn tables(&self) -> Option<Tables<'_>> {
        if self.index.is_null() {
            return None;
        }
        // SAFETY: a link map, which begins with the difference between the addresses in the file
        // and those in memory.
        let bias = unsafe { self.link_map.cast::<usize>().read() };
        // Where there are holes between a module's segments, `start` is that of one of them, and the
        // module's first is elsewhere: nearly always at address 0 of the file.
        [self.start.addr(), bias]
            .into_iter()
            .find_map(headers_at)
            .or_else(headers_of_the_program)
            .map(|headers| Segments { bias, headers })
            .filter(|segments| segments.contains_code(self.start.addr()))?
            .tables()
    }
}

/// The program headers, by the ELF header that a module's first segment begins with, if it is at this
/// address.
fn headers_at<'m>(address: usize) -> Option<&'m [libc::Elf64_Phdr]> {
    const FIRST_PAGE: usize = 4096;
    // Execute-only segments cannot be read, and a module that is not mapped from 0 on is elsewhere.
    if address == 0 || !address.is_multiple_of(FIRST_PAGE) || !limits::readable(address) {
        return None;
    }
    let start: *const libc::Elf64_Ehdr = ptr::with_exposed_provenance(address);
    // SAFETY: a readable page, of a module, which stays while its functions run.
    let header = unsafe { &*start };
    let offset = usize::try_from(header.e_phoff).ok()?;
    let count = usize::from(header.e_phnum);
    let end = offset.checked_add(count * size_of::<libc::Elf64_Phdr>())?;
    if header.e_ident[..4] != *b"\x7fELF"
        || usize::from(header.e_phentsize) != size_of::<libc::Elf64_Phdr>()
        || offset % align_of::<libc::Elf64_Phdr>() != 0
        || end > FIRST_PAGE
    {
        return None;
    }
    // SAFETY: inside the first page.
    let first = unsafe { start.byte_add(offset) }.cast();
    // SAFETY: so many, inside the first page, which is not written.
    Some(unsafe { slice::from_raw_parts(first, count) })
}

/// The program headers of the executable, as the kernel says.
fn headers_of_the_program<'m>() -> Option<&'m [libc::Elf64_Phdr]> {
    // SAFETY: no precondition.
    let address = unsafe { libc::getauxval(libc::AT_PHDR) };
    // SAFETY: no precondition.
    let count = unsafe { libc::getauxval(libc::AT_PHNUM) };
    let address = usize::try_from(address)
        .ok()
        .filter(|&address| address != 0)?;
    let count = usize::try_from(count).ok()?;
    // SAFETY: so many headers are there, for as long as the process lives, and are not written.
    Some(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(address), count) })
}

/// A search through the C library's list of modules.
struct ListWalk<R, F> {
    address: usize,
    look: Option<F>,
    result: Option<R>,
}

/// Looks at one module of the list; ends the walk at the one that holds the address.
///
/// # Safety
///
/// `walk` is a `ListWalk<R, F>` that nothing else uses, and `info` describes a loaded module.
unsafe extern "C" fn visit<R, F: FnOnce(Option<Tables<'_>>) -> R>(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    walk: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let walk = unsafe { &mut *walk.cast::<ListWalk<R, F>>() };
    // SAFETY: the caller's promise; the module stays while its functions run.
    let info = unsafe { &*info };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the module's program headers.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let Ok(bias) = usize::try_from(info.dlpi_addr) else {
        return 0;
    };
    let segments = Segments { bias, headers };
    if !segments.contains(walk.address) {
        return 0;
    }
    walk.result = walk.look.take().map(|look| look(segments.tables()));
    1
}

type FindObject = unsafe extern "C" fn(*mut c_void, *mut FoundObject) -> c_int;

/// glibc's function, once it was looked up.
static FIND_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Looks glibc's function up. Not inside a hook: the C library may hold the lock that this takes,
/// and a reference to the function itself would refuse to start with an older one.
pub(super) fn look_up() {
    // SAFETY: a name; the answer is only compared and called.
    let find = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND_OBJECT.store(find, Ordering::Release);
}

fn find_object() -> Option<FindObject> {
    let find = FIND_OBJECT.load(Ordering::Acquire);
    // SAFETY: NULL, or glibc's function of this name, which has this type; NULL is `None`.
    unsafe { mem::transmute::<*mut c_void, Option<FindObject>>(find) }
}

#[cfg(test)]
mod tests {
    use super::{ask, find_object, look_up, search};
    use std::eprintln;

    #[test]
    fn the_list_has_the_tables_that_glibc_finds() {
        look_up();
        let Some(find) = find_object() else {
            eprintln!("skipped: this C library has the list alone");
            return;
        };
        let here = the_list_has_the_tables_that_glibc_finds as fn() as usize;
        let libc = libc::qsort as *const () as usize;
        let tables = |address| {
            let asked = ask(find, address, |tables| {
                tables.map(|tables| tables.index.as_ptr())
            });
            let searched = search(address, |tables| tables.map(|tables| tables.index.as_ptr()));
            assert_eq!(asked, searched);
            asked
        };
        for code in [here, libc] {
            assert!(tables(code).flatten().is_some(), "{code:#x}");
        }
        let local = 0_u8;
        for no_code in [0, 4096, usize::MAX, &raw const local as usize] {
            assert_eq!(tables(no_code), None);
        }
    }
}
