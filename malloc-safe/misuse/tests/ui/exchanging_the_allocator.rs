use core::marker::PhantomData;
use core::ptr::NonNull;
use malloc_safe::{Allocator, CVec, Deallocator};

struct Arena<'a>(PhantomData<&'a ()>);

unsafe impl<T> Deallocator<[T]> for Arena<'_> {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(_: NonNull<[T]>) {}
}

unsafe impl Allocator for Arena<'_> {
    const ALIGNMENT: usize = 1;
    fn allocate(_: usize) -> Option<NonNull<u8>> {
        None
    }
    unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }
}

fn shorten<'short>(vector: CVec<u8, Arena<'static>>) -> CVec<u8, Arena<'short>> {
    vector
}

fn main() {}
