use core::marker::PhantomData;
use malloc_safe::{Borrowed, Opaque, Owned, deallocator};

enum Parent {}
struct Child<'p>(PhantomData<&'p Parent>);

deallocator! { struct ParentFree(Parent) = parent_free; }
deallocator! { struct ChildFree(Opaque<Child<'_>>) = child_free; }

unsafe extern "C" {
    fn parent_free(parent: *mut Parent);
    fn child_free(child: *mut Opaque<Child<'_>>);
    safe fn parent_new() -> Option<Owned<Opaque<Parent>, ParentFree>>;
    safe fn child_new(
        parent: Borrowed<'_, Opaque<Parent>>,
    ) -> Option<Owned<Opaque<Child<'_>>, ChildFree>>;
}

fn main() {
    let parent = parent_new().unwrap();
    let child = child_new(Owned::lend(&parent));
    drop(parent);
    drop(child);
}
