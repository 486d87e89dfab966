//! The C library: strings, streams, arrays, lists.

use core::cell::Cell;
use core::convert::Infallible;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::{self, NonNull};
use malloc_safe::{
    Borrowed, BorrowedCStr, CVec, Close, CloseFailure, Disposable, Dispose, LentCStr, Linked,
    NulTerminated, Opaque, Owned, OwnedWith, deallocator, out,
};
use std::ffi::CString;
use std::io;

type Text = Owned<NulTerminated<c_char>>;

enum StreamTag {}
type Stream = Opaque<StreamTag>;

/// A directory entry's block ends with its name, so it is shorter than a `dirent`, and a reference
/// to one would reach beyond it.
type Entry = Opaque<libc::dirent>;

deallocator! { struct CloseStream(Stream) = fclose; }
deallocator! { struct FreeEntry(any) = libc::free; }
deallocator! { struct FreeAddresses(libc::addrinfo) = libc::freeaddrinfo; }
deallocator! { struct FreeInterfaces(libc::ifaddrs) = libc::freeifaddrs; }

// SAFETY: the list's own member, which only the C library writes.
unsafe impl Linked<libc::addrinfo> for FreeAddresses {
    fn next(node: &libc::addrinfo) -> *const libc::addrinfo {
        node.ai_next
    }
}

// SAFETY: as above.
unsafe impl Linked<libc::ifaddrs> for FreeInterfaces {
    fn next(node: &libc::ifaddrs) -> *const libc::ifaddrs {
        node.ifa_next
    }
}

// SAFETY: after fclose there is no stream, whatever it returns (C11 7.21.5.1).
unsafe impl Close<Stream> for CloseStream {
    type Status = io::Error;

    unsafe fn close(ptr: NonNull<Stream>) -> Result<(), CloseFailure<io::Error>> {
        // SAFETY: the caller hands over an open stream.
        match unsafe { fclose(ptr.as_ptr()) } {
            0 => Ok(()),
            _ => Err(CloseFailure::Released(io::Error::last_os_error())),
        }
    }
}

struct CloseDescriptor;

// SAFETY: a number, which may be anywhere; close ends what it stands for.
unsafe impl Dispose<c_int> for CloseDescriptor {
    unsafe fn dispose(value: *mut c_int) {
        // SAFETY: the caller hands over a descriptor.
        let descriptor = unsafe { value.read() };
        // SAFETY: which is open, and not used again.
        unsafe { libc::close(descriptor) };
    }
}

/// A handle that is no pointer.
type Descriptor = Disposable<c_int, CloseDescriptor>;

struct GlobFree;

// SAFETY: globfree gives back what glob put in; a glob_t has no pointer to itself.
unsafe impl Dispose<libc::glob_t> for GlobFree {
    unsafe fn dispose(value: *mut libc::glob_t) {
        // SAFETY: the caller hands over a glob_t that glob filled.
        unsafe { libc::globfree(value) }
    }
}

type Select = extern "C" fn(*const libc::dirent) -> c_int;
type Compare = unsafe extern "C" fn(*mut *const libc::dirent, *mut *const libc::dirent) -> c_int;

unsafe extern "C" {
    safe fn strdup(string: BorrowedCStr<'_>) -> Option<Text>;
    // No value but NULL can be passed as the buffer, so the result is always a block.
    safe fn realpath(path: BorrowedCStr<'_>, buffer: Option<&Infallible>) -> Option<Text>;
    // Not safe: the stream writes to both places until it is closed.
    fn open_memstream(
        text: *mut *mut c_char,
        length: *mut usize,
    ) -> Option<Owned<Stream, CloseStream>>;
    safe fn fopen(
        path: BorrowedCStr<'_>,
        mode: BorrowedCStr<'_>,
    ) -> Option<Owned<Stream, CloseStream>>;
    safe fn fputs(string: BorrowedCStr<'_>, stream: Borrowed<'_, Stream>) -> c_int;
    safe fn fputc(byte: c_int, stream: Borrowed<'_, Stream>) -> c_int;
    safe fn tmpfile() -> Option<Owned<Stream, CloseStream>>;
    safe fn rewind(stream: Borrowed<'_, Stream>);
    // Not safe: the line goes to wherever the place points, if that is not NULL.
    fn getline(line: *mut *mut u8, capacity: *mut usize, stream: Borrowed<'_, Stream>) -> isize;
    fn fclose(stream: *mut Stream) -> c_int;
    // Not safe: the comparison must be one of directory entries.
    #[cfg_attr(
        all(target_os = "macos", target_arch = "x86_64"),
        link_name = "scandir$INODE64"
    )]
    fn scandir(
        path: BorrowedCStr<'_>,
        entries: &mut *mut Owned<Entry, FreeEntry>,
        select: Option<Select>,
        compare: Option<Compare>,
    ) -> c_int;
    #[cfg_attr(
        all(target_os = "macos", target_arch = "x86_64"),
        link_name = "alphasort$INODE64"
    )]
    fn alphasort(one: *mut *const libc::dirent, other: *mut *const libc::dirent) -> c_int;
}

#[cfg(any(target_env = "gnu", target_vendor = "apple"))]
unsafe extern "C" {
    fn backtrace(addresses: *mut *mut c_void, count: c_int) -> c_int;
    fn backtrace_symbols(addresses: *const *mut c_void, count: c_int) -> *mut LentCStr;
}

#[test]
fn a_duplicate_is_freed() {
    let copy = strdup(c"mine".into()).expect("enough memory");
    assert_eq!(copy.to_c_str(), c"mine");
}

#[test]
fn a_path_that_does_not_exist_resolves_to_none() {
    let root = realpath(c"/usr/..".into(), None).expect("there is a root");
    assert_eq!(root.to_c_str(), c"/");
    assert_eq!(realpath(c"/nonexistent".into(), None), None);
}

/// What `write` wrote to a stream, which is closed before its places are looked at.
fn written(write: impl FnOnce(Borrowed<'_, Stream>)) -> Owned<[u8]> {
    let fill = |text: *mut *mut u8, length| {
        // SAFETY: both places outlive the stream, which is closed at the end, panic or not.
        let stream = unsafe { open_memstream(text.cast(), length) }.expect("enough memory");
        write(Owned::lend(&stream));
        Owned::close(stream)
    };
    // SAFETY: closed, the stream has left a malloc block and its length.
    let (closed, bytes) = unsafe { out::slice(fill) };
    closed.expect("enough memory");
    bytes.expect("a block comes with its length")
}

#[test]
fn what_a_stream_wrote_to_memory_may_hold_nuls() {
    let bytes = written(|stream| {
        assert!(fputs(c"a".into(), stream) >= 0);
        assert_eq!(fputc(0, stream), 0);
        assert!(fputs(c"b".into(), stream) >= 0);
    });
    assert_eq!(*bytes, *b"a\0b");
}

#[test]
fn a_stream_that_was_not_written_to_leaves_an_empty_block() {
    let bytes = written(|_| ());
    assert!(bytes.is_empty());
    let (block, _) = Owned::into_raw_parts(bytes);
    assert!(!block.is_null());
    // SAFETY: the stream's, as it was.
    drop(unsafe { Owned::<[u8]>::from_raw_parts(block, 0) });
}

/// The next line, its end included, in `line`; false behind the last one.
fn next_line(line: &mut CVec<u8>, stream: Borrowed<'_, Stream>) -> bool {
    let read = |block, capacity| {
        // SAFETY: NULL, or a malloc block and its size.
        let read = unsafe { getline(block, capacity, stream) };
        (read, usize::try_from(read).unwrap_or(0))
    };
    // SAFETY: getline leaves a malloc block and its size, and returns how much of it it wrote.
    let read = unsafe { out::in_out(line, read) };
    read.expect("a block comes with its size") >= 0
}

#[test]
fn a_line_is_read_into_a_block_that_grows_with_it_and_is_used_again() {
    let file = tmpfile().expect("a temporary file");
    let long = CString::new(vec![b'-'; 5000]).expect("no NUL");
    assert!(fputs(c"first\n".into(), Owned::lend(&file)) >= 0);
    assert!(fputs(long.as_c_str().into(), Owned::lend(&file)) >= 0);
    assert!(fputs(c"\na".into(), Owned::lend(&file)) >= 0);
    assert_eq!(fputc(0, Owned::lend(&file)), 0);
    rewind(Owned::lend(&file));

    let mut line = CVec::new();
    assert!(next_line(&mut line, Owned::lend(&file)));
    assert_eq!(*line, *b"first\n");
    assert!(next_line(&mut line, Owned::lend(&file)));
    assert_eq!(line.len(), 5001);
    let (block, capacity) = (line.as_ptr(), line.capacity());
    assert!(next_line(&mut line, Owned::lend(&file)));
    assert_eq!(*line, *b"a\0");
    assert_eq!((line.as_ptr(), line.capacity()), (block, capacity));
    assert!(!next_line(&mut line, Owned::lend(&file)));
    assert!(line.is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_stream_that_could_not_write_the_rest_says_so_when_it_is_closed() {
    let stream = fopen(c"/dev/full".into(), c"w".into()).expect("it can be opened");
    assert!(fputs(c"lost".into(), Owned::lend(&stream)) >= 0);
    let error = Owned::close(stream).expect_err("there is no room on it");
    assert_eq!(error.status().raw_os_error(), Some(libc::ENOSPC));
    assert!(error.into_owner().is_none());
    assert!(fopen(c"/nonexistent/file".into(), c"w".into()).is_none());
}

fn entries(path: &CStr) -> Result<Owned<[Owned<Entry, FreeEntry>]>, c_int> {
    let mut entries = ptr::null_mut();
    // SAFETY: alphasort compares entries.
    let count = unsafe { scandir(path.into(), &mut entries, None, Some(alphasort)) };
    let length = usize::try_from(count).map_err(|_| count)?;
    // SAFETY: an array of so many entries, all of them malloc blocks.
    let entries = unsafe { Owned::from_raw_parts(entries, length) };
    Ok(entries.expect("an array comes with its length"))
}

fn name(entry: &Owned<Entry, FreeEntry>) -> &CStr {
    let entry: *mut libc::dirent = Owned::as_ptr(entry).cast();
    // SAFETY: a live entry, in which the name begins.
    let name = unsafe { &raw const (*entry).d_name };
    // SAFETY: a C string in the entry's block.
    unsafe { CStr::from_ptr(name.cast()) }
}

#[test]
fn a_directory_is_an_array_of_owned_entries() {
    let entries = entries(c"/").expect("there is a root");
    assert!(entries.iter().map(name).is_sorted());
    assert!(entries.iter().any(|entry| name(entry) == c"usr"));
}

#[test]
fn a_directory_entry_can_outlive_its_array() {
    let entries = entries(c"/").expect("there is a root");
    let first = entries.into_iter().next().expect("an entry");
    assert_eq!(name(&first), c".");
}

#[test]
fn a_directory_that_does_not_exist_is_a_status() {
    assert_eq!(entries(c"/nonexistent").err(), Some(-1));
}

#[test]
#[cfg(any(target_env = "gnu", target_vendor = "apple"))]
fn symbols_are_strings_in_the_block_of_their_array() {
    let mut addresses = [ptr::null_mut(); 8];
    // SAFETY: room for 8 addresses.
    let count = unsafe { backtrace(addresses.as_mut_ptr(), 8) };
    // SAFETY: that many addresses have been written.
    let symbols = unsafe { backtrace_symbols(addresses.as_ptr(), count) };
    let count = usize::try_from(count).expect("not negative");
    // SAFETY: NULL, or a malloc block with so many pointers and the strings that they point to.
    let symbols = unsafe { Owned::<[LentCStr]>::from_raw_parts(symbols, count) };
    let symbols = symbols.expect("enough memory");
    assert!(symbols.len() > 1);
    assert!(
        symbols
            .iter()
            .all(|symbol| symbol.is_some_and(|symbol| !symbol.is_empty()))
    );
}

#[test]
fn addresses_are_a_list_that_is_freed_as_a_whole() {
    let lookup = |node: &CStr| {
        // SAFETY: all zero is "no preference".
        let mut hints: libc::addrinfo = unsafe { core::mem::zeroed() };
        hints.ai_flags = libc::AI_NUMERICHOST;
        let mut list = ptr::null_mut();
        let (node, service) = (node.as_ptr(), c"80".as_ptr());
        // SAFETY: C strings, valid hints and a place for the list.
        let status = unsafe { libc::getaddrinfo(node, service, &raw const hints, &raw mut list) };
        // After an error the place is not to be looked at.
        let list = if status == 0 { list } else { ptr::null_mut() };
        // SAFETY: NULL, or a list for freeaddrinfo.
        (status, unsafe {
            Owned::<libc::addrinfo, FreeAddresses>::from_raw(list)
        })
    };
    let (status, list) = lookup(c"127.0.0.1");
    assert_eq!(status, 0);
    let list = list.expect("status 0");
    assert!(list.nodes().all(|socket| socket.ai_family == libc::AF_INET));
    assert!(list.nodes().count() > 1); // a stream, a datagram and a raw socket

    let (status, list) = lookup(c"not a number");
    assert_eq!((status, list.is_none()), (libc::EAI_NONAME, true));
}

#[test]
fn interfaces_are_a_list_that_is_freed_as_a_whole() {
    let mut list = ptr::null_mut();
    // SAFETY: a place for the list.
    assert_eq!(unsafe { libc::getifaddrs(&raw mut list) }, 0);
    // SAFETY: NULL, or a list for freeifaddrs.
    let list = unsafe { Owned::<libc::ifaddrs, FreeInterfaces>::from_raw(list) };
    let Some(list) = list else {
        return; // a machine without a network has no list
    };
    for interface in list.nodes() {
        // SAFETY: a C string of the list.
        let name = unsafe { CStr::from_ptr(interface.ifa_name) };
        assert!(!name.is_empty());
    }
}

fn paths(found: &Disposable<libc::glob_t, GlobFree>) -> impl Iterator<Item = &CStr> {
    (0..found.gl_pathc).map(|position| {
        // SAFETY: glob has stored so many paths.
        let path = unsafe { found.gl_pathv.add(position) };
        // SAFETY: as above.
        let path = unsafe { *path };
        // SAFETY: a C string until globfree.
        unsafe { CStr::from_ptr(path) }
    })
}

#[test]
fn paths_that_match_are_contents_of_the_callers_struct() {
    let find = |pattern: &CStr| {
        // SAFETY: all zero is an empty glob_t.
        let empty = unsafe { core::mem::zeroed() };
        // SAFETY: globfree accepts it; and after glob, whatever its status, globfree is right.
        let mut found = unsafe { Disposable::<libc::glob_t, GlobFree>::new(empty) };
        // SAFETY: a C string, no flags, no callback, and a glob_t to fill.
        let status = unsafe { libc::glob(pattern.as_ptr(), 0, None, found.as_mut_ptr()) };
        (status, found)
    };
    let (status, found) = find(c"/*r");
    assert_eq!(status, 0);
    assert!(paths(&found).is_sorted());
    assert!(paths(&found).any(|path| path == c"/usr"));

    let (status, found) = find(c"/nonexistent*");
    assert_eq!((status, found.gl_pathc), (libc::GLOB_NOMATCH, 0));
}

fn map(size: usize) -> *mut u8 {
    let (access, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: a new mapping, at no particular address.
    let start = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

thread_local! { static UNMAPPED: Cell<Option<(c_int, usize)>> = const { Cell::new(None) }; }

/// Unmaps, and notes what that returned and the size that it was given.
///
/// # Safety
///
/// As of munmap.
unsafe fn unmap(start: *mut c_void, size: usize) {
    // SAFETY: the caller says so.
    let status = unsafe { libc::munmap(start, size) };
    UNMAPPED.set(Some((status, size)));
}

deallocator! { struct Unmap([any]) = unmap; }

#[test]
fn mapped_memory_is_unmapped_with_its_size() {
    // SAFETY: so many zero bytes that nobody else uses, for munmap.
    let mapping = unsafe { Owned::<[u32], Unmap>::from_raw_parts(map(1 << 16).cast(), 1 << 14) };
    let mapping = mapping.expect("a mapping and its length");
    assert!(mapping.iter().all(|&number| number == 0));
    drop(mapping);
    assert_eq!(UNMAPPED.get(), Some((0, 1 << 16)));
}

#[test]
fn a_part_of_mapped_memory_is_unmapped_with_the_whole() {
    let start = NonNull::new(map(1 << 16)).expect("mapped above address 0");
    let whole = |part: NonNull<[u8]>| {
        // SAFETY: the owner hands over a mapping of this size.
        unsafe { unmap(part.as_ptr().cast(), 1 << 16) }
    };
    // SAFETY: more zero bytes than these, which nobody else uses, for munmap.
    let part = unsafe { OwnedWith::new(NonNull::slice_from_raw_parts(start, 100), whole) };
    assert!(part.iter().all(|&byte| byte == 0));
    drop(part);
    assert_eq!(UNMAPPED.get(), Some((0, 1 << 16)));
}

#[test]
fn a_variable_of_the_environment_is_only_shown() {
    // SAFETY: a C string; nobody changes the environment while this runs.
    let path = unsafe { libc::getenv(c"PATH".as_ptr()) };
    assert!(!path.is_null());
    // SAFETY: a C string, as long as the environment is not changed. Not the caller's to free.
    assert!(!unsafe { CStr::from_ptr(path) }.is_empty());
    // SAFETY: as above.
    assert!(unsafe { libc::getenv(c"MALLOC_SAFE=ABSENT".as_ptr()) }.is_null());
}

#[test]
fn a_handle_that_is_a_number_is_closed_once() {
    assert_eq!(size_of::<Descriptor>(), size_of::<c_int>());
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: an open descriptor, which is nobody else's.
    let [reader, writer] = ends.map(|end| unsafe { Descriptor::new(end) });
    drop(writer);
    let mut byte = 0_u8;
    // SAFETY: an open descriptor, and room for a byte.
    let read = unsafe { libc::read(*reader, (&raw mut byte).cast(), 1) };
    assert_eq!(read, 0, "nobody can write any more");
}
