use core::ptr::{self, NonNull};
use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
use malloc_sys::{counted, counted_default, counted_references, counted_value};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::thread;

deallocator! { pub(crate) struct Release(counted): Send + Sync = malloc_sys::counted_release; }

// SAFETY: retaining adds one reference, releasing drops one, and the count is atomic.
unsafe impl RefCounted<Opaque<counted>> for Release {
    unsafe fn retain(ptr: NonNull<Opaque<counted>>) {
        // SAFETY: the caller has a live object.
        unsafe { malloc_sys::counted_retain(ptr.as_ptr().cast()) }
    }
}

type Counted = Shared<Opaque<counted>, Release>;

unsafe extern "C" {
    safe fn counted_new(value: u64) -> Option<Counted>;
}

fn references(object: &Counted) -> usize {
    // SAFETY: the owner keeps the object alive.
    unsafe { counted_references(Shared::as_ptr(object)) }
}

#[test]
fn each_clone_holds_one_reference_and_the_last_ends_the_object() {
    let object = counted_new(5).expect("enough memory");
    assert_eq!(references(&object), 1);
    let clones = [object.clone(), object.clone()];
    assert_eq!(references(&object), 3);
    assert!(Shared::ptr_eq(&clones[0], &clones[1]));
    drop(object);
    assert_eq!(references(&clones[0]), 2);
    let [last, other] = clones;
    drop(other);
    // SAFETY: the owner keeps the object alive.
    assert_eq!(unsafe { counted_value(Shared::as_ptr(&last)) }, 5);
    // That the last ends the object is for LeakSanitizer and valgrind to see.
}

#[test]
fn a_borrowed_object_is_retained() {
    // SAFETY: no precondition.
    let kept = unsafe { counted_default() };
    // SAFETY: NULL or an object that the library keeps.
    let borrowed = unsafe { Counted::retain(kept) }.expect("enough memory");
    let before = references(&borrowed);
    // SAFETY: as above.
    let again = unsafe { Counted::retain(kept) }.expect("enough memory");
    assert_eq!(references(&borrowed), before + 1);
    drop(again);
    assert_eq!(references(&borrowed), before);
}

#[test]
fn null_is_none() {
    // SAFETY: NULL is allowed.
    assert!(unsafe { Counted::from_raw(ptr::null_mut()) }.is_none());
    // SAFETY: NULL is allowed.
    assert!(unsafe { Counted::retain(ptr::null_mut()) }.is_none());
}

#[test]
fn giving_up_a_reference_keeps_it_counted() {
    let object = counted_new(1).expect("enough memory");
    let raw = Shared::into_raw(object.clone());
    assert_eq!(references(&object), 2);
    // SAFETY: what into_raw gave, with its reference.
    drop(unsafe { Counted::from_raw(raw) });
    assert_eq!(references(&object), 1);
}

#[test]
fn threads_may_clone_and_drop_at_once() {
    let object = counted_new(1).expect("enough memory");
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| {
            let object = object.clone();
            scope.spawn(move || (0..1000).for_each(|_| drop(object.clone())))
        });
        // Else they may still be freeing what is theirs when the scope is over.
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
    assert_eq!(references(&object), 1);
}

#[test]
fn it_is_as_large_as_its_pointer_and_has_room_for_null() {
    assert_eq!(size_of::<Option<Counted>>(), size_of::<*mut counted>());
}

deallocator! { struct AffineRelease(any): !Send = malloc_sys::free; }
// SAFETY: never called; only its auto traits are looked at.
unsafe impl<T> RefCounted<T> for AffineRelease {
    unsafe fn retain(_: NonNull<T>) {}
}

assert_impl_all!(Counted: Send, Sync, Clone, Unpin);
assert_impl_all!(Shared<u64, AffineRelease>: core::ops::Deref);
assert_not_impl_any!(Shared<u64, AffineRelease>: core::ops::DerefMut, AsMut<u64>);
assert_not_impl_any!(Shared<u64, AffineRelease>: Send, Sync);
assert_not_impl_any!(Shared<core::cell::Cell<u64>, AffineRelease>: Send, Sync);
assert_not_impl_any!(Shared<Opaque, AffineRelease>: core::ops::Deref);
