//! Single blocks: numbers, handles, structs, and what is made in Rust.

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::{self, NonNull};

use malloc_safe::{
    Close, CloseFailure, Disposable, Dispose, Lease, Opaque, Owned, OwnedWith, Owner, RefCounted,
    Shared, deallocator, handle,
};
use malloc_sys::counted;

use crate::{Pair, distinct, pair};

pub(crate) const PAIRS: &[Pair] = &[
    pair!("Owned<u64>", number_owned, number_by_hand),
    pair!("Owned<u64>, made in Rust", made_owned, made_by_hand),
    pair!("Owned<Opaque>", handle_owned, handle_by_hand),
    pair!("Owned<Opaque>, closed", closed_owned, closed_by_hand),
    pair!("Shared, clone and drop", shared_owned, shared_by_hand),
    pair!("handle!, cloned and leased", leased_owned, leased_by_hand),
    pair!("OwnedWith", with_owned, with_by_hand),
    pair!("Disposable", struct_owned, struct_by_hand),
];

/// What names an object of the C library without saying what is in it.
enum Counted {}

deallocator! { struct Release(counted) = malloc_sys::counted_release; }
deallocator! {
    struct End(Opaque<Counted>) = |object: *mut Opaque<Counted>| {
        // SAFETY: the owner hands over what counted_new returned.
        unsafe { malloc_sys::counted_release(object.cast()) }
    };
}

// SAFETY: stands for a function that always succeeds; the object is gone after it.
unsafe impl Close<Opaque<Counted>> for End {
    type Status = i32;

    #[inline]
    unsafe fn close(ptr: NonNull<Opaque<Counted>>) -> Result<(), CloseFailure<i32>> {
        // SAFETY: the caller hands over what counted_new returned.
        unsafe { malloc_sys::counted_release(ptr.as_ptr().cast()) };
        match black_box(0) {
            0 => Ok(()),
            status => Err(CloseFailure::Released(status)),
        }
    }
}

// SAFETY: the library adds one reference and drops one.
unsafe impl RefCounted<counted> for Release {
    #[inline]
    unsafe fn retain(ptr: NonNull<counted>) {
        // SAFETY: the caller has a live object.
        unsafe { malloc_sys::counted_retain(ptr.as_ptr()) }
    }
}

unsafe extern "C" {
    safe fn workload_number(value: u64) -> Option<Owned<u64>>;
    safe fn counted_new(value: u64) -> Option<Shared<counted, Release>>;
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn number_owned() -> u64 {
    distinct!();
    workload_number(7).map_or(0, |number| *number)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn number_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let number = unsafe { malloc_sys::workload_number(7) };
    if number.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a number.
    let value = unsafe { number.read() };
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(number.cast()) };
    value
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn made_owned() -> u64 {
    distinct!();
    Owned::<u64>::try_new(7).map_or(0, |number| *black_box(number))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn made_by_hand() -> u64 {
    distinct!();
    // SAFETY: malloc has no precondition.
    let number: *mut u64 = unsafe { malloc_sys::malloc(size_of::<u64>()) }.cast();
    if number.is_null() {
        return 0;
    }
    // SAFETY: room for a u64.
    unsafe { number.write(7) };
    let number = black_box(number);
    // SAFETY: written above.
    let value = unsafe { number.read() };
    // SAFETY: from malloc, and not used again.
    unsafe { malloc_sys::free(number.cast()) };
    value
}

/// The same function, as if the library kept the object to itself.
fn handle(value: u64) -> Option<Owned<Opaque<Counted>, End>> {
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(value) };
    // SAFETY: NULL, or an object with one reference, which is handed over.
    unsafe { Owned::from_raw(object.cast()) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn handle_owned() -> u64 {
    distinct!();
    let Some(object) = handle(7) else {
        return 0;
    };
    // SAFETY: the owner keeps the object alive.
    unsafe { malloc_sys::counted_value(Owned::as_ptr(&object).cast()) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn handle_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    if object.is_null() {
        return 0;
    }
    // SAFETY: a live object.
    let value = unsafe { malloc_sys::counted_value(object) };
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::counted_release(object) };
    value
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn closed_owned() -> u64 {
    distinct!();
    let Some(object) = handle(7) else {
        return 0;
    };
    // SAFETY: the owner keeps the object alive.
    let value = unsafe { malloc_sys::counted_value(Owned::as_ptr(&object).cast()) };
    match Owned::close(object) {
        Ok(()) => value,
        Err(_) => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn closed_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    if object.is_null() {
        return 0;
    }
    // SAFETY: a live object.
    let value = unsafe { malloc_sys::counted_value(object) };
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::counted_release(object) };
    match black_box(0) {
        0 => value,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn shared_owned() -> u64 {
    distinct!();
    let Some(object) = counted_new(7) else {
        return 0;
    };
    let other = object.clone();
    drop(object);
    // SAFETY: the owner keeps the object alive.
    unsafe { malloc_sys::counted_value(Shared::as_ptr(&other)) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn shared_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    if object.is_null() {
        return 0;
    }
    // SAFETY: a live object.
    unsafe { malloc_sys::counted_retain(object) };
    // SAFETY: one of the two references.
    unsafe { malloc_sys::counted_release(object) };
    // SAFETY: kept alive by the other.
    let value = unsafe { malloc_sys::counted_value(object) };
    // SAFETY: the last reference; the object is not used again.
    unsafe { malloc_sys::counted_release(object) };
    value
}

handle! { struct Count(counted) = malloc_sys::counted_release, clone = malloc_sys::counted_retain; }

fn value(count: Lease<'_, Count>) -> u64 {
    // SAFETY: the owner keeps the object alive.
    unsafe { malloc_sys::counted_value(count.as_ptr()) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn leased_owned() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    // SAFETY: NULL, or an object with one reference, which is handed over.
    let Some(object) = (unsafe { Count::from_raw(object) }) else {
        return 0;
    };
    let other = object.clone();
    drop(object);
    value(other.lease())
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn leased_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    if object.is_null() {
        return 0;
    }
    // SAFETY: a live object.
    unsafe { malloc_sys::counted_retain(object) };
    // SAFETY: one of the two references.
    unsafe { malloc_sys::counted_release(object) };
    // SAFETY: kept alive by the other.
    let value = unsafe { malloc_sys::counted_value(object) };
    // SAFETY: the last reference; the object is not used again.
    unsafe { malloc_sys::counted_release(object) };
    value
}

/// Stands for a deallocator that a plug-in names at run time.
type Dealloc = unsafe extern "C" fn(*mut c_void);

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn with_owned() -> u64 {
    distinct!();
    let free: Dealloc = black_box(malloc_sys::free);
    // SAFETY: no precondition.
    let Some(number) = NonNull::new(unsafe { malloc_sys::workload_number(7) }) else {
        return 0;
    };
    let release = |block: NonNull<u64>| {
        // SAFETY: the owner hands over its block.
        unsafe { free(block.as_ptr().cast()) }
    };
    // SAFETY: a number in a malloc block, released once by the closure.
    let number = unsafe { OwnedWith::new(number, release) };
    *number
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn with_by_hand() -> u64 {
    distinct!();
    let free: Dealloc = black_box(malloc_sys::free);
    // SAFETY: no precondition.
    let number = unsafe { malloc_sys::workload_number(7) };
    if number.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a number.
    let value = unsafe { number.read() };
    // SAFETY: transfer full, and not used again.
    unsafe { free(number.cast()) };
    value
}

/// A struct of the caller's that the library fills, as `git_buf` is.
#[repr(C)]
struct Buffer {
    ptr: *mut u8,
    len: usize,
}

impl Buffer {
    const EMPTY: Self = Self {
        ptr: ptr::null_mut(),
        len: 0,
    };
}

struct BufferFree;

// SAFETY: what workload_buffer put in is malloc's; a Buffer holds no pointer to itself.
unsafe impl Dispose<Buffer> for BufferFree {
    #[inline]
    unsafe fn dispose(value: *mut Buffer) {
        // SAFETY: the caller hands over a valid struct.
        let block = unsafe { (*value).ptr };
        // SAFETY: NULL, or transfer full and not used again.
        unsafe { malloc_sys::free(block.cast()) }
    }
}

fn fill(buffer: *mut Buffer) -> i32 {
    // SAFETY: the caller has a valid struct.
    let ptr = unsafe { &raw mut (*buffer).ptr };
    // SAFETY: as above.
    let len = unsafe { &raw mut (*buffer).len };
    // SAFETY: both places are valid.
    unsafe { malloc_sys::workload_buffer(40, 45, ptr, len) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn struct_owned() -> u64 {
    distinct!();
    // SAFETY: NULL may be freed, and so may what the function stores.
    let mut buffer = unsafe { Disposable::<_, BufferFree>::new(Buffer::EMPTY) };
    match fill(buffer.as_mut_ptr()) {
        0 => buffer.len as u64,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn struct_by_hand() -> u64 {
    distinct!();
    let mut buffer = Buffer::EMPTY;
    let len = match fill(&raw mut buffer) {
        0 => buffer.len as u64,
        _ => 0,
    };
    // SAFETY: NULL, or transfer full and not used again.
    unsafe { malloc_sys::free(buffer.ptr.cast()) };
    len
}
