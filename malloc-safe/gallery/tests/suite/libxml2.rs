//! libxml2: a deallocator in a global variable, and documents.

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use malloc_safe::{Borrowed, BorrowedCStr, NulTerminated, Opaque, Owned, deallocator};
use std::sync::Once;

enum DocumentTag {}
enum NodeTag {}
type Document = Opaque<DocumentTag>;
type Node = Opaque<NodeTag>;
type Text = Owned<NulTerminated<c_char>, XmlFree>;

deallocator! {
    /// Whatever the variable holds when the block is released.
    struct XmlFree(any) = |block| {
        // SAFETY: the variable is written once, before the library is used.
        let free = unsafe { xmlFree };
        // SAFETY: the owner hands over a live block of the library's.
        unsafe { free(block) }
    };
}
deallocator! { struct FreeDocument(Document) = xmlFreeDoc; }

unsafe extern "C" {
    static mut xmlFree: unsafe extern "C" fn(*mut c_void);
    // Not safe: blocks that are live by then would go to another free.
    fn xmlMemSetup(
        free: unsafe extern "C" fn(*mut c_void),
        malloc: unsafe extern "C" fn(usize) -> *mut c_void,
        realloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
        strdup: unsafe extern "C" fn(*const c_char) -> *mut c_char,
    ) -> c_int;
    safe fn xmlInitParser();
    // Not safe: nothing relates the length to the text.
    fn xmlReadMemory(
        text: *const c_char,
        length: c_int,
        url: Option<BorrowedCStr<'_>>,
        encoding: Option<BorrowedCStr<'_>>,
        options: c_int,
    ) -> Option<Owned<Document, FreeDocument>>;
    fn xmlFreeDoc(document: *mut Document);
    // Lent as long as the document: nothing below takes a node out of it.
    safe fn xmlDocGetRootElement(document: Borrowed<'_, Document>) -> Option<Borrowed<'_, Node>>;
    safe fn xmlGetProp(node: Option<Borrowed<'_, Node>>, name: BorrowedCStr<'_>) -> Option<Text>;
    safe fn xmlNodeGetContent(node: Option<Borrowed<'_, Node>>) -> Option<Text>;
    safe fn xmlDocDumpMemory(
        document: Borrowed<'_, Document>,
        text: &mut *mut u8,
        length: &mut c_int,
    );
}

thread_local! { static FREED: Cell<usize> = const { Cell::new(0) }; }

/// What the program gives the library in the place of `free`.
unsafe extern "C" fn counted_free(block: *mut c_void) {
    FREED.set(FREED.get() + 1);
    // SAFETY: the library's blocks come from malloc, which is what it was set up with.
    unsafe { libc::free(block) }
}

/// Sets the library up with a `free` that counts, before its first use.
fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the library has no block yet, and the four functions go together.
        let status =
            unsafe { xmlMemSetup(counted_free, libc::malloc, libc::realloc, libc::strdup) };
        assert_eq!(status, 0);
        xmlInitParser();
    });
}

fn parse(text: &CStr) -> Option<Owned<Document, FreeDocument>> {
    const NO_ERROR: c_int = 1 << 5; // on stderr
    set_up();
    let length = text.count_bytes().try_into().expect("a short text");
    // SAFETY: so many bytes; a name and an encoding may be NULL.
    unsafe { xmlReadMemory(text.as_ptr(), length, None, None, NO_ERROR) }
}

fn root(document: &Owned<Document, FreeDocument>) -> Option<Borrowed<'_, Node>> {
    xmlDocGetRootElement(Owned::lend(document))
}

#[test]
fn a_property_is_freed_by_what_the_variable_holds() {
    let document = parse(c"<a b='c'/>").expect("well-formed");
    let text = xmlGetProp(root(&document), c"b".into()).expect("there is one");
    assert_eq!(text.to_c_str(), c"c");
    let before = FREED.get();
    drop(text);
    assert_eq!(FREED.get(), before + 1);
}

#[test]
fn an_attribute_that_is_absent_is_none() {
    let document = parse(c"<a/>").expect("well-formed");
    assert_eq!(xmlGetProp(root(&document), c"b".into()), None);
}

#[test]
fn content_is_owned_apart_from_its_document() {
    let document = parse(c"<a>one<b> two</b></a>").expect("well-formed");
    let text = xmlNodeGetContent(root(&document)).expect("enough memory");
    drop(document);
    assert_eq!(text.to_c_str(), c"one two");
}

#[test]
fn a_dumped_document_is_a_pointer_and_a_length() {
    let document = parse(c"<a><b/></a>").expect("well-formed");
    let (mut text, mut length) = (ptr::null_mut(), 0);
    xmlDocDumpMemory(Owned::lend(&document), &mut text, &mut length);
    let length = usize::try_from(length).expect("not negative");
    // SAFETY: NULL and 0, or a block of so many bytes for xmlFree.
    let text = unsafe { Owned::<[u8], XmlFree>::from_raw_parts(text, length) };
    let text = text.expect("a pointer and its length");
    let before = FREED.get();
    assert_eq!(text.as_ref(), b"<?xml version=\"1.0\"?>\n<a><b/></a>\n");
    drop(text);
    assert_eq!(FREED.get(), before + 1);
}

#[test]
fn a_text_that_is_not_xml_gives_no_document() {
    assert!(parse(c"<a>").is_none());
}
