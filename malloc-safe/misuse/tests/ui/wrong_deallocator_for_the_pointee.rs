use malloc_safe::{Owned, deallocator};

#[repr(C)]
struct Session {
    id: u32,
}

unsafe extern "C" fn session_close(_: *mut Session) {}

deallocator! { struct SessionClose(Session) = session_close; }

unsafe extern "C" {
    safe fn buffer_new() -> Option<Owned<[u8; 16], SessionClose>>;
}

fn main() {}
