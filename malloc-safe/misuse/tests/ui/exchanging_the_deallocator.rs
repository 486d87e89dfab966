use core::marker::PhantomData;
use core::ptr::NonNull;
use malloc_safe::{Deallocator, Owned};

struct Library<F>(PhantomData<F>);
type One = Library<for<'a> fn(&'a ())>;
type Other = Library<fn(&'static ())>; // One is a subtype

unsafe impl Deallocator<u8> for One {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(_: NonNull<u8>) {}
}
unsafe impl Deallocator<u8> for Other {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(_: NonNull<u8>) {}
}

fn exchange(owner: Owned<u8, One>) -> Owned<u8, Other> {
    owner
}

fn main() {}
