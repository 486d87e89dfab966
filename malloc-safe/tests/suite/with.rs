use crate::hostile::{Counting, Element, counted_block};
use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;
use malloc_safe::{Deallocator, OwnedWith};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

fn element(bomb: bool) -> NonNull<Element> {
    let block = counted_block(Layout::new::<Element>()).cast::<Element>();
    // SAFETY: room for an element.
    unsafe { block.write(Element { value: 1, bomb }) };
    block
}

fn release<T: ?Sized>(block: NonNull<T>) {
    // SAFETY: the owners below hand over a counted block.
    unsafe { Counting::deallocate(block) }
}

#[test]
fn the_closure_runs_once_after_the_contents() {
    let calls = Cell::new(0);
    // SAFETY: a counted block with an element, released by the closure.
    let owner = unsafe {
        OwnedWith::new(element(false), |block| {
            calls.set(calls.get() + 1);
            release(block);
        })
    };
    assert_eq!(owner.value, 1);
    assert_eq!(Element::dropped_by(|| drop(owner)), 1);
    assert_eq!((calls.get(), Counting::live()), (1, 0));
}

#[test]
fn the_closure_runs_even_if_the_contents_panic() {
    // SAFETY: a counted block with an element, released by the function.
    let owner = unsafe { OwnedWith::new(element(true), release) };
    assert!(catch_unwind(AssertUnwindSafe(|| drop(owner))).is_err());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn giving_up_ownership_gives_the_closure_too() {
    // SAFETY: a counted block with an element, released by the function.
    let owner = unsafe { OwnedWith::new(element(false), release) };
    let address = OwnedWith::as_ptr(&owner);
    // SAFETY: the closure is called once, below, with the block; nobody uses the element, whose
    // destructor has nothing to do.
    let (block, release) = unsafe { OwnedWith::into_parts(owner) };
    assert_eq!((block.as_ptr(), Counting::live()), (address, 1));
    release(block);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_closure_that_is_never_called_is_dropped_with_its_captures() {
    let captured = Rc::new(());
    let kept = Rc::clone(&captured);
    // SAFETY: a counted block with an element, released by the closure.
    let owner = unsafe {
        OwnedWith::new(element(false), move |block| {
            let _ = &kept;
            release(block);
        })
    };
    assert_eq!(Rc::strong_count(&captured), 2);
    drop(owner);
    assert_eq!(Rc::strong_count(&captured), 1);
}

#[cfg(unix)]
#[test]
fn a_mapping_knows_its_length() {
    const LENGTH: usize = 1 << 16;
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANON,
    );
    // SAFETY: a new anonymous mapping anywhere.
    let start = unsafe { libc::mmap(core::ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    let start = NonNull::new(start.cast::<u8>()).expect("not at 0");
    let unmapped = Cell::new(None);
    let unmap = |bytes: NonNull<[u8]>| {
        // SAFETY: the owner hands over the whole mapping.
        let status = unsafe { libc::munmap(bytes.cast().as_ptr(), bytes.len()) };
        unmapped.set(Some((status, bytes.len())));
    };
    let bytes = NonNull::slice_from_raw_parts(start, LENGTH);
    // SAFETY: anonymous mappings are zero bytes, and this one is the closure's to unmap.
    let mapping = unsafe { OwnedWith::new(bytes, unmap) };
    assert!(mapping.len() == LENGTH && mapping.iter().all(|&byte| byte == 0));
    drop(mapping);
    assert_eq!(unmapped.get(), Some((0, LENGTH)));
}

type ByName<T> = OwnedWith<T, fn(NonNull<T>)>;
assert_impl_all!(ByName<u64>: Send, Sync, core::ops::Deref);
assert_not_impl_any!(ByName<u64>: core::ops::DerefMut, Clone);
assert_not_impl_any!(ByName<Rc<u64>>: Send, Sync);
assert_impl_all!(ByName<Cell<u64>>: Send);
assert_not_impl_any!(ByName<Cell<u64>>: Sync);

#[test]
fn it_is_a_pointer_and_the_closure() {
    fn size<T: Unpin, F: FnOnce(NonNull<T>)>(_: &OwnedWith<T, F>) -> usize {
        size_of::<Option<OwnedWith<T, F>>>()
    }
    // SAFETY: a counted block with an element, released by the function.
    let owner = unsafe { OwnedWith::new(element(false), release::<Element>) };
    assert_eq!(size(&owner), size_of::<*mut Element>()); // a function by name has no size
}
