//! GLib: strings and arrays of them, errors, and objects that count their references.

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};
use malloc_safe::{
    Borrowed, BorrowedCStr, LentCStr, NulTerminated, Opaque, Out, Owned, RefCounted, Shared,
    deallocator, out,
};
use std::env;
use std::ffi::CString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Command};

type Text = Owned<NulTerminated<c_char>, GFree>;

enum ObjectTag {}
/// A GObject: threads may share its count, not its contents.
type Object = Opaque<ObjectTag>;

#[repr(C)]
struct Error {
    domain: u32,
    code: c_int,
    message: *const c_char,
}

deallocator! { struct GFree(any) = g_free; }
deallocator! { struct FreeStrings(*mut c_char) = g_strfreev; }
deallocator! { struct FreeError(Error) = g_error_free; }
deallocator! { struct Unref(Object) = g_object_unref; }

/// What a GWeakRef is, which GLib must find where it was set up.
#[repr(C)]
struct Weak(*mut c_void);

deallocator! {
    struct WeakFree(Weak) = |weak: *mut Weak| {
        // SAFETY: the owner hands over a weak reference that was set up.
        unsafe { g_weak_ref_clear(weak) };
        // SAFETY: in a block of GLib's.
        unsafe { g_free(weak.cast()) }
    };
}

/// What every GObject begins with.
#[repr(C)]
struct Header {
    class: *mut c_void,
    references: AtomicU32,
}

// SAFETY: one function adds a reference and the other drops it, atomically.
unsafe impl RefCounted<Object> for Unref {
    unsafe fn retain(ptr: NonNull<Object>) {
        // SAFETY: the caller has a live object.
        unsafe { g_object_ref(ptr.as_ptr()) };
        // SAFETY: which begins with a header.
        let references = unsafe { &(*ptr.cast::<Header>().as_ptr()).references };
        // GLib counts in an int, and does not look whether it has become negative.
        if references.load(Ordering::Relaxed) > i32::MAX as u32 {
            process::abort();
        }
    }
}

unsafe extern "C" {
    fn g_free(block: *mut c_void);
    safe fn g_strdup(string: Option<BorrowedCStr<'_>>) -> Option<Text>;
    safe fn g_strsplit(
        text: BorrowedCStr<'_>,
        delimiter: BorrowedCStr<'_>,
        max: c_int,
    ) -> Option<Owned<NulTerminated<LentCStr>, FreeStrings>>;
    fn g_strfreev(strings: *mut *mut c_char);
    safe fn g_file_get_contents(
        path: BorrowedCStr<'_>,
        contents: Out<'_, Owned<NulTerminated<c_char>, GFree>>,
        length: Option<&mut usize>,
        error: Out<'_, Owned<Error, FreeError>>,
    ) -> c_int;
    fn g_error_free(error: *mut Error);
    safe fn g_initially_unowned_get_type() -> usize;
    fn g_malloc0(size: usize) -> *mut c_void;
    fn g_weak_ref_init(weak: *mut Weak, object: Borrowed<'_, Object>);
    fn g_weak_ref_clear(weak: *mut Weak);
    safe fn g_weak_ref_get(weak: Borrowed<'_, Opaque<Weak>>) -> Option<Shared<Object, Unref>>;
    fn g_object_new(class: usize, first: *const c_char, ...) -> *mut Object;
    fn g_object_ref(object: *mut Object) -> *mut Object;
    fn g_object_ref_sink(object: *mut Object) -> *mut Object;
    fn g_object_unref(object: *mut Object);
    fn g_object_weak_ref(
        object: Borrowed<'_, Object>,
        notify: unsafe extern "C" fn(*mut c_void, *mut Object),
        data: *mut c_void,
    );
}

/// The type of GObject itself: G_TYPE_OBJECT.
const OBJECT: usize = 20 << 2;

#[test]
fn a_string_is_freed_by_glib() {
    let copy = g_strdup(Some(c"mine".into())).expect("GLib aborts without memory");
    assert_eq!(copy.to_c_str(), c"mine");
    assert_eq!(g_strdup(None), None);
}

#[test]
fn an_array_of_strings_is_freed_with_them() {
    let split = |text: &CStr| g_strsplit(text.into(), c",".into(), -1);
    let parts = split(c"a,,bc").expect("GLib aborts without memory");
    assert!(parts.iter().eq([c"a", c"", c"bc"]));
    assert!(split(c"").expect("an array of NULL alone").is_empty());
}

#[test]
fn an_error_is_owned_and_so_are_the_contents() {
    let read = |path: &CStr| {
        let (mut contents, mut length) = (None, 0);
        let (status, error) = out::owner(|error| {
            g_file_get_contents(
                path.into(),
                Out::new(&mut contents),
                Some(&mut length),
                error,
            )
        });
        (status, contents, length, error)
    };
    let this = CString::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let (status, contents, length, error) = read(&this);
    assert_eq!((status, error.is_none()), (1, true));
    let contents = contents.expect("status 1");
    assert_eq!(contents.to_bytes().len(), length);
    assert!(contents.to_bytes().starts_with(b"[package]"));

    let (status, contents, _, error) = read(c"/nonexistent");
    assert_eq!((status, contents), (0, None));
    let error = error.expect("status 0");
    assert_eq!((error.domain != 0, error.code), (true, 4)); // G_FILE_ERROR_NOENT
    // SAFETY: a C string, as long as the error lives.
    let message = unsafe { CStr::from_ptr(error.message) }.to_string_lossy();
    assert!(message.contains("/nonexistent"), "{message}");
}

fn object() -> Shared<Object, Unref> {
    // SAFETY: a class whose objects do not float, and no properties.
    let object = unsafe { g_object_new(OBJECT, ptr::null()) };
    // SAFETY: a new object, of which the caller owns the reference.
    unsafe { Shared::from_raw(object.cast()) }.expect("GLib aborts without memory")
}

fn references(object: &Shared<Object, Unref>) -> &AtomicU32 {
    let header: *const Header = Shared::as_ptr(object).cast();
    // SAFETY: a live object, which begins with a header.
    unsafe { &(*header).references }
}

#[test]
fn an_object_ends_with_its_last_reference() {
    unsafe extern "C" fn ended(data: *mut c_void, _: *mut Object) {
        // SAFETY: the cell of the test below, which outlives the object.
        let ended = unsafe { &*data.cast::<Cell<bool>>() };
        ended.set(true);
    }

    let has_ended = Cell::new(false);
    let one = object();
    let data = (&raw const has_ended).cast_mut().cast();
    // SAFETY: a cell that outlives the object.
    unsafe { g_object_weak_ref(Shared::lend(&one), ended, data) };
    let two = one.clone();
    assert!(Shared::ptr_eq(&one, &two));
    drop(one);
    assert!(!has_ended.get());
    // SAFETY: a live object, of which `two` holds a reference.
    let three = unsafe { Shared::<Object, Unref>::retain(Shared::as_ptr(&two)) };
    drop(two);
    assert!(!has_ended.get());
    drop(three);
    assert!(has_ended.get());
}

#[test]
fn a_weak_reference_gives_a_reference_as_long_as_there_is_one() {
    let object = object();
    // SAFETY: no precondition.
    let weak: *mut Weak = unsafe { g_malloc0(size_of::<Weak>()) }.cast();
    // SAFETY: room for a weak reference, which nobody has set up.
    unsafe { g_weak_ref_init(weak, Shared::lend(&object)) };
    // SAFETY: a weak reference in a block of GLib's.
    let weak = unsafe { Owned::<Opaque<Weak>, WeakFree>::from_raw(weak) }.expect("not NULL");
    let strong = g_weak_ref_get(Owned::lend(&weak)).expect("it is alive");
    assert!(Shared::ptr_eq(&strong, &object));
    drop(object);
    assert!(g_weak_ref_get(Owned::lend(&weak)).is_some());
    drop(strong);
    assert!(g_weak_ref_get(Owned::lend(&weak)).is_none());
}

#[test]
fn a_floating_reference_is_sunk_before_it_is_owned() {
    // SAFETY: a class, and no properties.
    let floating = unsafe { g_object_new(g_initially_unowned_get_type(), ptr::null()) };
    // SAFETY: a live object; its floating reference becomes the caller's.
    let sunk = unsafe { g_object_ref_sink(floating) };
    // SAFETY: the object, of which the caller now owns the reference.
    let sunk = unsafe { Shared::<Object, Unref>::from_raw(sunk.cast()) };
    assert_eq!(
        references(&sunk.expect("not NULL")).load(Ordering::Relaxed),
        1
    );
}

#[test]
fn a_count_that_would_become_negative_ends_the_program() {
    const CHILD: &str = "GALLERY_COUNTS_TOO_FAR";
    if env::var_os(CHILD).is_some() {
        let object = object();
        references(&object).store(i32::MAX as u32, Ordering::Relaxed);
        mem::forget(object.clone());
        return;
    }
    let test = "glib::a_count_that_would_become_negative_ends_the_program";
    let child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", test])
        .env(CHILD, "1")
        .output()
        .expect("it runs again");
    assert_eq!(child.status.signal(), Some(libc::SIGABRT));
}
