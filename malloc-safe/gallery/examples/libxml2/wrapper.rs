//! A wrapper of libxml2's documents.
//!
//! Written with raw pointers, a document leaks on every way out without `xmlFreeDoc`, and each
//! property, each text and each dump without `xmlFree`: which is a variable, so that neither
//! `free` nor a constant is right. Nodes are the document's, and nothing keeps one from being used
//! after it. Here the declarations free, and a node does not outlive its document.

use core::ffi::{CStr, c_char, c_int, c_void};
use malloc_safe::{Borrowed, BorrowedCStr, NulTerminated, Opaque, Owned, deallocator};

deallocator! {
    pub(crate) struct XmlFree(any) = |block| {
        // SAFETY: nobody sets the variable while the library is in use.
        let free = unsafe { xmlFree };
        // SAFETY: the owner hands over a live block of the library's.
        unsafe { free(block) }
    };
}
deallocator! { pub(crate) struct FreeDoc(Opaque<Document>) = xmlFreeDoc; }
pub(crate) type Text = Owned<NulTerminated<c_char>, XmlFree>;
type XmlDoc<'a> = Borrowed<'a, Opaque<Document>>;
type XmlNode<'a> = Borrowed<'a, Opaque<Node<'static>>>;

#[rustfmt::skip] // a declaration a line
unsafe extern "C" {
    static mut xmlFree: unsafe extern "C" fn(*mut c_void);
    fn xmlFreeDoc(document: *mut Opaque<Document>);
    fn xmlReadMemory(text: *const u8, length: c_int, url: Option<BorrowedCStr<'_>>, encoding: Option<BorrowedCStr<'_>>, options: c_int) -> Option<Owned<Opaque<Document>, FreeDoc>>;
    safe fn xmlDocGetRootElement<'a>(document: XmlDoc<'a>) -> Option<XmlNode<'a>>;
    safe fn xmlFirstElementChild<'a>(node: XmlNode<'a>) -> Option<XmlNode<'a>>;
    safe fn xmlNextElementSibling<'a>(node: XmlNode<'a>) -> Option<XmlNode<'a>>;
    safe fn xmlGetProp(node: XmlNode<'_>, name: BorrowedCStr<'_>) -> Option<Text>;
    safe fn xmlNodeGetContent(node: XmlNode<'_>) -> Option<Text>;
    safe fn xmlDocDumpMemory(document: XmlDoc<'_>, text: &mut *mut u8, length: &mut c_int);
}

pub(crate) struct Document(Owned<Opaque<Document>, FreeDoc>);

/// An element of a document that is borrowed for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a>(XmlNode<'a>);

impl Document {
    /// `None` if the text is not well-formed, or larger than 2 GiB.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const NO_ERROR: c_int = 1 << 5; // on stderr
        let length = text.len().try_into().ok()?;
        // SAFETY: so many bytes.
        unsafe { xmlReadMemory(text.as_ptr(), length, None, None, NO_ERROR) }.map(Self)
    }
    pub(crate) fn root(&self) -> Option<Node<'_>> {
        xmlDocGetRootElement(Owned::lend(&self.0)).map(Node)
    }
    pub(crate) fn dump(&self) -> Option<Owned<[u8], XmlFree>> {
        let (mut text, mut length) = (std::ptr::null_mut(), 0);
        xmlDocDumpMemory(Owned::lend(&self.0), &mut text, &mut length);
        // SAFETY: NULL and 0, or so many bytes for xmlFree.
        unsafe { Owned::from_raw_parts(text, usize::try_from(length).ok()?) }.ok()
    }
}

impl<'a> Node<'a> {
    pub(crate) fn children(self) -> impl Iterator<Item = Node<'a>> {
        std::iter::successors(xmlFirstElementChild(self.0), |&node| {
            xmlNextElementSibling(node)
        })
        .map(Node)
    }
    pub(crate) fn property(self, name: &CStr) -> Option<Text> {
        xmlGetProp(self.0, name.into())
    }
    pub(crate) fn text(self) -> Option<Text> {
        xmlNodeGetContent(self.0)
    }
}
