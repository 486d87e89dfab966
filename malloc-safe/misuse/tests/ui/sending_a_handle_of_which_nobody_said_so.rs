use malloc_safe::{Opaque, Owned, deallocator};

pub enum Session {}

unsafe extern "C" {
    fn session_free(session: *mut Session);
}

deallocator! { pub struct SessionFree(Session) = session_free; }
deallocator! { pub struct AnyFree(any) = libc::free; }

fn into_another_thread<T: Send>(_: T) {}

fn named(session: Owned<Opaque<Session>, SessionFree>) {
    into_another_thread(session);
}

fn any(session: Owned<Opaque<Session>, AnyFree>) {
    into_another_thread(session);
}

fn main() {}
