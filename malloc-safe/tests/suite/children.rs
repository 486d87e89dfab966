//! Children that use their parent until they are released.

use core::marker::PhantomData;
use malloc_safe::{Borrowed, Opaque, Out, Owned, deallocator, out};
use static_assertions::{assert_impl_all, assert_not_impl_any};

enum Parent {}
struct Child<'p>(PhantomData<&'p Parent>);

// The C side: a child counts itself in its parent, and out when it is released.
mod c {
    use super::{Child, Parent};
    use malloc_safe::Opaque;

    pub(super) unsafe extern "C" fn parent_free(parent: *mut Opaque<Parent>) {
        // SAFETY: a parent begins with the number of its children.
        assert_eq!(unsafe { parent.cast::<u64>().read() }, 0, "a child is left");
        // SAFETY: a malloc block.
        unsafe { malloc_sys::free(parent.cast()) }
    }

    pub(super) fn child_new(parent: *mut Parent) -> *mut Opaque<Child<'static>> {
        let count: *mut u64 = parent.cast();
        // SAFETY: the caller has a parent.
        unsafe { *count += 1 };
        // SAFETY: no precondition.
        let child: *mut *mut u64 = unsafe { malloc_sys::malloc(size_of::<*mut u64>()) }.cast();
        assert!(!child.is_null());
        // SAFETY: room for a pointer.
        unsafe { child.write(count) };
        child.cast()
    }

    pub(super) unsafe extern "C" fn child_free(child: *mut Opaque<Child<'_>>) {
        // SAFETY: a child holds its parent's count, and its parent lives.
        let count = unsafe { child.cast::<*mut u64>().read() };
        // SAFETY: as above.
        unsafe { *count -= 1 };
        // SAFETY: a malloc block.
        unsafe { malloc_sys::free(child.cast()) }
    }
}

deallocator! { struct ParentFree(Opaque<Parent>) = c::parent_free; }
deallocator! { struct ChildFree(Opaque<Child<'_>>) = c::child_free; }
deallocator! { struct NamedChildFree<'p>(Opaque<Child<'p>>) = c::child_free; }

type OwnedChild<'p> = Owned<Opaque<Child<'p>>, ChildFree>;

fn parent() -> Owned<Opaque<Parent>, ParentFree> {
    // SAFETY: no precondition.
    let block = unsafe { malloc_sys::calloc(1, 8) };
    // SAFETY: a parent without children.
    unsafe { Owned::from_raw(block.cast()) }.expect("enough memory")
}

fn child(parent: Borrowed<'_, Opaque<Parent>>) -> OwnedChild<'_> {
    // SAFETY: a new child of the parent, which is borrowed as long as the child lives.
    unsafe { Owned::from_raw(c::child_new(parent.as_ptr()).cast()) }.expect("not NULL")
}

/// As sqlite3_prepare_v2: the child comes back through a place.
fn child_out<'p>(parent: Borrowed<'p, Opaque<Parent>>, place: Out<'_, OwnedChild<'p>>) -> i32 {
    // SAFETY: the place gets a new child of the parent.
    unsafe { place.into_raw().write(c::child_new(parent.as_ptr()).cast()) }
    0
}

#[test]
fn a_child_is_released_while_its_parent_lives() {
    let parent = parent();
    let one = child(Owned::lend(&parent));
    let (status, other) = out::owner(|place| child_out(Owned::lend(&parent), place));
    assert_eq!((status, other.is_some()), (0, true));
    drop(one);
    // in the order of their end: other, parent
}

assert_impl_all!(ChildFree: malloc_safe::Deallocator<Opaque<Child<'static>>>);
assert_impl_all!(NamedChildFree<'static>: malloc_safe::Deallocator<Opaque<Child<'static>>>);
assert_not_impl_any!(ChildFree: malloc_safe::Deallocator<Opaque<Parent>>);
