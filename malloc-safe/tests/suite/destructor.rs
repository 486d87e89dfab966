use crate::hostile::{Counting, Element, counted_c_str};
use core::ffi::{CStr, c_char, c_void};
use core::ptr;
use malloc_safe::Owned;

/// What C keeps: user data, and how to destroy it.
struct Registered(*mut c_void, unsafe extern "C" fn(*mut c_void));

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the tests register what into_raw_with_destructor gave.
        unsafe { (self.1)(self.0) }
    }
}

#[test]
fn the_destructor_does_what_a_drop_would_have_done() {
    let element = Element {
        value: 1,
        bomb: false,
    };
    let element = Owned::<_, Counting>::try_new_in(element).expect("enough memory");
    let (ptr, destroy) = Owned::into_raw_with_destructor(element);
    let registered = Registered(ptr.cast(), destroy);
    // SAFETY: C keeps the element until it destroys it.
    assert_eq!(unsafe { (*ptr).value }, 1);
    assert_eq!(Counting::live(), 1);
    assert_eq!(Element::dropped_by(|| drop(registered)), 1);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_string_is_handed_over_as_its_pointer() {
    let string = counted_c_str(b"text").into_nul_terminated();
    let (ptr, destroy): (*mut c_char, _) = Owned::into_raw_with_destructor(string);
    // SAFETY: C reads it until it destroys it.
    assert_eq!(unsafe { CStr::from_ptr(ptr) }, c"text");
    drop(Registered(ptr.cast(), destroy));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn destroying_null_does_nothing() {
    let number = Owned::<u64, Counting>::try_new_in(1).expect("enough memory");
    let (ptr, destroy) = Owned::into_raw_with_destructor(number);
    drop(Registered(ptr::null_mut(), destroy));
    assert_eq!(Counting::live(), 1);
    drop(Registered(ptr.cast(), destroy));
    assert_eq!(Counting::live(), 0);
}

#[cfg(unix)]
#[test]
fn the_c_library_ends_a_threads_value_with_the_thread() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Ends(Arc<AtomicU32>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    let ended = Arc::new(AtomicU32::new(0));
    let value = Owned::<Ends>::try_new(Ends(Arc::clone(&ended)));
    let value = value.unwrap_or_else(|_| panic!("enough memory"));
    let thread = std::thread::spawn(move || {
        let (ptr, destroy) = Owned::into_raw_with_destructor(value);
        let mut key = 0;
        // SAFETY: room for a key.
        let status = unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) };
        assert_eq!(status, 0);
        // SAFETY: a new key, whose one value this is.
        let status = unsafe { libc::pthread_setspecific(key, ptr.cast()) };
        assert_eq!(status, 0);
        key
    });
    let key = thread.join().expect("no panic");
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    // SAFETY: no thread has a value for the key any more.
    assert_eq!(unsafe { libc::pthread_key_delete(key) }, 0);
}
