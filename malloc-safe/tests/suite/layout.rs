//! Size, null niche, auto traits and variance of every owner.

use crate::declared::{CString, TokenFree};
use core::cell::Cell;
use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;
use malloc_safe::{
    Allocator, Borrowed, CVec, Deallocator, Each, Free, IntoIter, Lent, LentCStr, LentIter,
    LentUntilNull, Linked, Nodes, NulTerminated, Opaque, Out, Owned, OwnedWith, RefCounted, Shared,
    deallocator,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::rc::Rc;

deallocator! {
    /// For a library that wants its memory back in the thread that got it.
    pub(crate) struct AffineFree(any): !Send = malloc_sys::free;
}

/// The same for what is allocated.
pub(crate) struct AffineHeap([*mut (); 0]);

// SAFETY: as Free.
unsafe impl<T: ?Sized> Deallocator<T> for AffineHeap {
    type Contents = malloc_safe::contents::Ignored;

    unsafe fn deallocate(ptr: NonNull<T>) {
        // SAFETY: the caller promises as much.
        unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    }
}

// SAFETY: as Free.
unsafe impl Allocator for AffineHeap {
    const ALIGNMENT: usize = Free::ALIGNMENT;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        Free::allocate(size)
    }

    unsafe fn reallocate(block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
        // SAFETY: the caller promises as much.
        unsafe { Free::reallocate(block, old, new) }
    }
}

#[test]
fn an_owner_is_as_large_as_its_pointer_and_has_room_for_null() {
    assert_eq!(size_of::<Owned<u64>>(), size_of::<*mut u64>());
    assert_eq!(size_of::<Option<Owned<u64>>>(), size_of::<*mut u64>());
    assert_eq!(
        size_of::<Option<CString<TokenFree>>>(),
        size_of::<*mut c_char>()
    );
    assert_eq!(size_of::<Option<Owned<[u64]>>>(), size_of::<*mut [u64]>());
    assert_eq!(size_of::<Option<Owned<CStr>>>(), size_of::<*mut CStr>());
    assert_eq!(size_of::<Option<Owned<str>>>(), size_of::<*mut str>());
    assert_eq!(size_of::<CVec<u64>>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<CVec<u64>>>(), size_of::<CVec<u64>>());
    assert_eq!(size_of::<Out<'_, Owned<u64>>>(), size_of::<*mut *mut u64>());
    assert_eq!(size_of::<NulTerminated<u64>>(), 0);
    assert_eq!(align_of::<NulTerminated<u64>>(), align_of::<u64>());
    assert_eq!(size_of::<LentCStr>(), size_of::<*mut c_char>());
    assert_eq!(
        size_of::<Option<Owned<NulTerminated<LentCStr>>>>(),
        size_of::<*mut *mut c_char>()
    );
}

#[test]
fn null_is_none_by_abi() {
    // SAFETY: an Option of a transparent owner is a nullable pointer.
    let none: Option<Owned<u64>> = unsafe { core::mem::transmute(core::ptr::null_mut::<u64>()) };
    assert!(none.is_none());
}

// Send and Sync need both the pointee and the deallocator.
assert_impl_all!(Owned<u64>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Owned<&'static mut u8>: UnwindSafe);
assert_not_impl_any!(IntoIter<&'static mut u8>: UnwindSafe);
assert_impl_all!(Owned<[u64], TokenFreeAny>: Send, Sync);
assert_impl_all!(Owned<CStr>: Send, Sync);
assert_impl_all!(Owned<str>: Send, Sync);
assert_impl_all!(CString<TokenFree>: Unpin);
// Of a named type nobody said that it may.
assert_not_impl_any!(CString<TokenFree>: Send, Sync);
assert_impl_all!(IntoIter<u64>: Send, Sync);
assert_not_impl_any!(Owned<Rc<u64>>: Send, Sync);
assert_not_impl_any!(Owned<[Rc<u64>]>: Send, Sync);
assert_not_impl_any!(Owned<*mut u8>: Send, Sync);
assert_impl_all!(Owned<Cell<u64>>: Send);
assert_not_impl_any!(Owned<Cell<u64>>: Sync);
assert_not_impl_any!(Owned<u64, AffineFree>: Send, Sync);
assert_not_impl_any!(Owned<[u64], AffineFree>: Send, Sync);
assert_not_impl_any!(CString<AffineFree>: Send, Sync);
assert_not_impl_any!(IntoIter<u64, AffineFree>: Send, Sync);
assert_not_impl_any!(IntoIter<Rc<u64>>: Send, Sync);

assert_impl_all!(CVec<u64>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(CVec<Cell<u64>>: Send);
assert_impl_all!(CVec<core::marker::PhantomPinned>: Unpin);
assert_not_impl_any!(CVec<Cell<u64>>: Sync);
assert_not_impl_any!(CVec<Rc<u64>>: Send, Sync);
assert_not_impl_any!(CVec<u64, AffineHeap>: Send, Sync);
assert_not_impl_any!(CVec<&'static mut u8>: UnwindSafe);
assert_not_impl_any!(CVec<Opaque>: core::ops::Deref, IntoIterator);
// Growing may fail, so there is nothing that hides it.
assert_not_impl_any!(CVec<u64>: Clone, Copy, Extend<u64>, FromIterator<u64>);
const _: CVec<u64> = CVec::new();

assert_not_impl_any!(Opaque: Unpin, Send, Sync, Clone, Copy);
assert_not_impl_any!(Owned<Opaque, TokenFreeAny>: core::ops::Deref, Send, Sync);
// A deallocator that may read what it releases lends nothing to be overwritten.
assert_impl_all!(Owned<[c_char], TokenFree>: core::ops::Deref);
assert_not_impl_any!(Owned<[c_char], TokenFree>: core::ops::DerefMut, AsMut<[c_char]>);

// What Rust must not look into has no Deref; owning it forbids copying and cloning.
assert_not_impl_any!(CString: core::ops::Deref, core::ops::DerefMut, Clone, Copy);
assert_not_impl_any!(NulTerminated<c_char>: Unpin, Clone, Copy);
assert_not_impl_any!(Owned<u64>: Clone, Copy);

// What an array lends cannot be moved out of it, and is ended with it: Send needs Send and Sync.
assert_not_impl_any!(Lent<u64>: Unpin, Clone, Copy);
assert_not_impl_any!(Owned<[LentCStr]>: core::ops::Deref, IntoIterator);
assert_not_impl_any!(Owned<NulTerminated<LentCStr>>: core::ops::Deref, IntoIterator);
assert_impl_all!(Lent<u64>: Send, Sync);
assert_impl_all!(Owned<[LentCStr]>: Send, Sync, Unpin);
assert_impl_all!(Owned<NulTerminated<LentCStr>>: Send, Sync, Unpin);
assert_not_impl_any!(Lent<Cell<u64>>: Send, Sync);
assert_not_impl_any!(Lent<std::sync::MutexGuard<'static, u64>>: Send);
assert_impl_all!(Lent<std::sync::MutexGuard<'static, u64>>: Sync);
assert_not_impl_any!(Lent<Opaque>: Send, Sync);
assert_not_impl_any!(Owned<NulTerminated<LentCStr>, AffineFree>: Send, Sync);
assert_impl_all!(LentIter<'static, u64>: Send, Sync);
assert_impl_all!(LentUntilNull<'static, u64>: Send, Sync);
assert_not_impl_any!(LentIter<'static, Cell<u64>>: Send, Sync);
assert_not_impl_any!(LentUntilNull<'static, Cell<u64>>: Send, Sync);

deallocator! { pub(crate) struct TokenFreeAny(any) = malloc_sys::free; }

/// Covariant, as Box is: an owner of something long-lived will do for something short-lived.
#[expect(dead_code, reason = "compiling it is the test")]
fn covariant<'short>(
    one: Owned<&'static str>,
    several: Owned<[&'static str]>,
    iterator: IntoIter<&'static str>,
    _: PhantomData<&'short ()>,
) -> (
    Owned<&'short str>,
    Owned<[&'short str]>,
    IntoIter<&'short str>,
) {
    (one, several, iterator)
}

/// So is an array of what it lends, as a slice of references is.
#[expect(dead_code, reason = "compiling it is the test")]
fn a_counted_array_is_covariant<'short>(
    array: Owned<[Lent<&'static str>]>,
    elements: LentIter<'static, &'static str, Free>,
    _: PhantomData<&'short ()>,
) -> (
    Owned<[Lent<&'short str>]>,
    LentIter<'short, &'short str, Free>,
) {
    (array, elements)
}

#[expect(dead_code, reason = "compiling it is the test")]
fn a_terminated_array_is_covariant<'short>(
    array: Owned<NulTerminated<Lent<&'static str>>>,
    elements: LentUntilNull<'static, &'static str, Free>,
    _: PhantomData<&'short ()>,
) -> (
    Owned<NulTerminated<Lent<&'short str>>>,
    LentUntilNull<'short, &'short str, Free>,
) {
    (array, elements)
}

#[expect(dead_code, reason = "compiling it is the test")]
fn covariant_vector<'short>(vector: CVec<&'static str>) -> CVec<&'short str> {
    vector
}

#[test]
fn free_is_a_name_that_costs_nothing() {
    assert_eq!(size_of::<Free>(), 0);
    assert_eq!(size_of::<TokenFree>(), 0);
}

/// Debug is on everything, so that a wrapper can derive it.
#[expect(dead_code, reason = "compiling it is the test")]
#[derive(Debug)]
struct Derived<'a> {
    handle: Owned<Opaque, TokenFreeAny>,
    array: Owned<[LentCStr]>,
    handles: Owned<[Lent<Opaque>]>,
    wide: Owned<NulTerminated<u16>>,
    pointers: Owned<NulTerminated<*mut c_char>>,
    terminated: Owned<NulTerminated<LentCStr>>,
    place: Out<'a, Owned<u8>>,
    lent: Lent<u8>,
    with: OwnedWith<Opaque, fn(NonNull<Opaque>)>,
    nodes: Nodes<'a, ListNode, ListFree>,
    elements: LentIter<'a, NulTerminated<c_char>>,
    until: LentUntilNull<'a, NulTerminated<c_char>>,
    borrowed: Borrowed<'a, Opaque>,
    name: TokenFreeAny,
    each: Each<Free>,
}

#[derive(Debug)]
struct ListNode(*const ListNode);

deallocator! { pub(crate) struct ListFree(ListNode) = |_: *mut ListNode| unreachable!(); }

// SAFETY: no list is made.
unsafe impl Linked<ListNode> for ListFree {
    fn next(node: &ListNode) -> *const ListNode {
        node.0
    }
}

// What is lent obeys the owner: it stays where that stays.
assert_not_impl_any!(LentIter<'static, u64, AffineFree>: Send, Sync);
assert_not_impl_any!(LentUntilNull<'static, u64, AffineFree>: Send, Sync);
assert_not_impl_any!(Nodes<'static, ListNode, ListFree>: Send, Sync);
assert_not_impl_any!(Borrowed<'static, u64>: Send, Sync);
assert_not_impl_any!(Borrowed<'static, Opaque>: Send, Sync);
assert_impl_all!(Borrowed<'static, NulTerminated<c_char>>: Send, Sync);

// A handle leaves its thread where its deallocator says so, and for no other reason.
deallocator! { pub(crate) struct HandleSent(u64): Send = |_: *mut u64| unreachable!(); }
deallocator! { pub(crate) struct HandleShared(u64): Send + Sync = |_: *mut u64| unreachable!(); }
deallocator! { pub(crate) struct HandleKept(u64) = |_: *mut u64| unreachable!(); }
assert_impl_all!(Owned<Opaque<u64>, HandleSent>: Send);
assert_not_impl_any!(Owned<Opaque<u64>, HandleSent>: Sync);
assert_impl_all!(Owned<Opaque<u64>, HandleShared>: Send, Sync);
assert_not_impl_any!(Owned<Opaque<u64>, HandleKept>: Send, Sync);
assert_not_impl_any!(Owned<u64, HandleKept>: Send, Sync);
assert_impl_all!(Owned<u64, HandleSent>: Send);
assert_not_impl_any!(Owned<Opaque<u64>, TokenFreeAny>: Send, Sync);

// Arrays of pointers are blocks of a deallocator of `char **`.
deallocator! { pub(crate) struct ArrayFree(blind *mut c_char) = |_: *mut *mut c_char| (); }
assert_impl_all!(ArrayFree: Deallocator<[Owned<NulTerminated<c_char>>]>);
assert_impl_all!(ArrayFree: Deallocator<[Option<Owned<NulTerminated<c_char>>>]>);
assert_impl_all!(ArrayFree: Deallocator<[NonNull<c_char>]>, Deallocator<[LentCStr]>);
assert_impl_all!(ArrayFree: Deallocator<NulTerminated<LentCStr>>);
assert_impl_all!(Owned<[Owned<NulTerminated<c_char>>], ArrayFree>: IntoIterator);
assert_not_impl_any!(ArrayFree: Deallocator<[Owned<NulTerminated<u16>>]>);

type Release = fn(NonNull<Recursive>);

/// Nodes that own nodes, in every way: the auto traits go round the circle.
#[expect(dead_code, reason = "compiling it is the test")]
struct Recursive {
    next: Option<Owned<Recursive>>,
    children: Owned<[Recursive]>,
    more: CVec<Recursive>,
    shared: Option<Shared<Recursive, RecursiveRelease>>,
    typed: Option<Owned<Recursive, RecursiveFree>>,
    borrowed: Option<Borrowed<'static, Recursive>>,
    with: Box<OwnedWith<Recursive, Release>>,
}

deallocator! { struct RecursiveFree(Recursive): Send + Sync = |_: *mut Recursive| (); }
deallocator! { struct RecursiveRelease(Recursive): Send + Sync = |_: *mut Recursive| (); }
// SAFETY: never called.
unsafe impl RefCounted<Recursive> for RecursiveRelease {
    unsafe fn retain(_: NonNull<Recursive>) {}
}

#[repr(C)]
struct Branch {
    left: Option<Owned<Branch>>,
    right: Option<Owned<Branch>>,
    value: u32,
}

assert_impl_all!(Branch: Send, Sync, Unpin);
assert_impl_all!(Owned<Branch>: Send, Sync, Unpin, core::ops::DerefMut);
assert_impl_all!(Recursive: Unpin);
assert_not_impl_any!(Recursive: Send, Sync); // Borrowed is not

#[test]
fn nodes_may_own_nodes() -> Result<(), malloc_safe::AllocError<Branch>> {
    let leaf = |value| {
        Owned::try_new(Branch {
            left: None,
            right: None,
            value,
        })
    };
    let root = Owned::try_new(Branch {
        left: Some(leaf(1)?),
        right: Some(leaf(2)?),
        value: 3,
    })?;
    let sum = |branch: &Option<Owned<Branch>>| branch.as_ref().map_or(0, |branch| branch.value);
    assert_eq!(root.value + sum(&root.left) + sum(&root.right), 6);
    Ok(())
}
