//! Making blocks in C's heap from Rust.

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::ptr;

use allocator_api2::boxed::Box as BoxIn;
use allocator_api2::vec::Vec as VecIn;
use cbox::CBox;
use malloc_safe::{CVec, Owned};
use malloc_sys::{free, malloc, realloc};
#[cfg(not(windows))]
use mbox::MBox;
use mbox::MString;

use crate::harness::{By, Task};
use crate::heap::CHeap;

const COUNT: usize = 1000;

pub(crate) fn number() -> Task {
    let task = Task::new("allocate a u64", 4000, 201)
        .arm(By::Us, || {
            Owned::<u64>::try_new(black_box(7)).map_or(0, |number| *black_box(number))
        })
        .arm(By::Hand, || {
            // SAFETY: malloc has no precondition.
            let ptr: *mut u64 = unsafe { malloc(size_of::<u64>()) }.cast();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: room for a u64.
            unsafe { ptr.write(black_box(7)) };
            let ptr = black_box(ptr);
            // SAFETY: written above.
            let value = unsafe { ptr.read() };
            // SAFETY: from malloc, and not used again.
            unsafe { free(ptr.cast()) };
            value
        })
        .arm(By::Std, || *black_box(Box::new(black_box(7_u64))))
        .arm(By::AllocatorApi2, || {
            BoxIn::try_new_in(black_box(7_u64), CHeap).map_or(0, |number| *black_box(number))
        });
    #[cfg(not(windows))] // where mbox allocates nothing that is aligned
    let task = task.arm(By::Mbox, || *black_box(MBox::new(black_box(7_u64))));
    task
}

const TEXT: &str = "key=value; path=/; secure";

/// mbox does not look for a NUL, so `memchr` is called for it.
fn holds_nul(text: &str) -> bool {
    // SAFETY: as many bytes are there.
    !unsafe { libc::memchr(text.as_ptr().cast(), 0, text.len()) }.is_null()
}

pub(crate) fn c_string() -> Task {
    Task::new("&str to C string", 4000, 201)
        .arm(By::Us, || {
            let string = Owned::<CStr>::try_from_bytes(black_box(TEXT).as_bytes());
            string.map_or(0, |string| black_box(string).count_bytes())
        })
        .arm(By::Hand, || {
            let text = black_box(TEXT);
            if holds_nul(text) {
                return 0;
            }
            // SAFETY: malloc has no precondition.
            let ptr: *mut u8 = unsafe { malloc(text.len() + 1) }.cast();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: room for the text, in a new block.
            unsafe { ptr::copy_nonoverlapping(text.as_ptr(), ptr, text.len()) };
            // SAFETY: the block is one byte longer.
            let end = unsafe { ptr.add(text.len()) };
            // SAFETY: in the block.
            unsafe { end.write(0) };
            let (ptr, len) = black_box((ptr, text.len() + 1));
            // SAFETY: from malloc, and not used again.
            unsafe { free(ptr.cast()) };
            len - 1
        })
        .arm(By::Mbox, || {
            let text = black_box(TEXT);
            if holds_nul(text) {
                return 0;
            }
            black_box(MString::from(text)).len()
        })
        .arm(By::CBox, || {
            let string: CBox<str> = CBox::from(black_box(TEXT));
            let string = black_box(string);
            let len = string.len();
            // SAFETY: the box, which would never free it, gives up its block.
            let block = unsafe { string.unwrap() };
            // SAFETY: from malloc, and not used again.
            unsafe { free(block.cast()) };
            len
        })
        .arm(By::Std, || {
            CString::new(black_box(TEXT)).map_or(0, |string| black_box(string).count_bytes())
        })
}

/// What is collected and pushed: cheap, and not the position itself.
fn value(position: usize) -> u64 {
    position as u64 ^ 5
}

fn numbers() -> impl Iterator<Item = u64> {
    (0..black_box(COUNT)).map(value)
}

pub(crate) fn collect() -> Task {
    let task = Task::new("collect 1,000 u64", 400, 201)
        .arm(By::Us, || {
            let numbers = Owned::<[u64]>::try_from_iter(numbers());
            numbers.map_or(0, |numbers| black_box(numbers).len())
        })
        .arm(By::Hand, || {
            let len = black_box(COUNT);
            // SAFETY: malloc has no precondition.
            let ptr: *mut u64 = unsafe { malloc(len * size_of::<u64>()) }.cast();
            if ptr.is_null() {
                return 0;
            }
            for (position, number) in (0..len).map(value).enumerate() {
                // SAFETY: less than `len`.
                let place = unsafe { ptr.add(position) };
                // SAFETY: room for a number.
                unsafe { place.write(number) };
            }
            let ptr = black_box(ptr);
            // SAFETY: from malloc, and not used again.
            unsafe { free(ptr.cast()) };
            len
        })
        .arm(By::Std, || {
            let numbers: Vec<u64> = numbers().collect();
            black_box(numbers).len()
        })
        .arm(By::AllocatorApi2, || {
            let mut vec = VecIn::new_in(CHeap);
            vec.extend(numbers());
            black_box(vec).len()
        });
    #[cfg(not(windows))] // as above
    let task = task.arm(By::Mbox, || {
        let numbers: MBox<[u64]> = numbers().collect();
        black_box(numbers).len()
    });
    task
}

/// Without a length to go by: the block has to grow, and to shrink in the end.
pub(crate) fn filter() -> Task {
    fn odd() -> impl Iterator<Item = u64> {
        numbers().filter(|number| number % 2 == 1)
    }

    let task = Task::new("collect 500 of them", 400, 201)
        .arm(By::Us, || {
            Owned::<[u64]>::try_from_iter(odd()).map_or(0, |numbers| black_box(numbers).len())
        })
        .arm(By::Std, || {
            let numbers: Box<[u64]> = odd().collect();
            black_box(numbers).len()
        })
        .arm(By::AllocatorApi2, || {
            let mut vec = VecIn::new_in(CHeap);
            vec.extend(odd());
            black_box(vec.into_boxed_slice()).len()
        });
    #[cfg(not(windows))] // as above
    let task = task.arm(By::Mbox, || {
        let numbers: MBox<[u64]> = odd().collect();
        black_box(numbers).len()
    });
    task
}

pub(crate) fn push() -> Task {
    Task::new("push 1,000 u64", 400, 201)
        .arm(By::Us, || {
            let mut vec = CVec::<u64>::new();
            for number in 0..black_box(COUNT) {
                if vec.try_push(value(number)).is_err() {
                    break;
                }
            }
            black_box(vec).len()
        })
        .arm(By::Hand, || {
            let (mut ptr, mut len, mut room) = (ptr::null_mut::<u64>(), 0, 0);
            for number in 0..black_box(COUNT) {
                if len == room {
                    room = if room == 0 { 4 } else { room * 2 };
                    // SAFETY: NULL, or a block of malloc's.
                    let grown = unsafe { realloc(ptr.cast(), room * size_of::<u64>()) };
                    if grown.is_null() {
                        break;
                    }
                    ptr = grown.cast();
                }
                // SAFETY: less than `room`.
                let place = unsafe { ptr.add(len) };
                // SAFETY: room for a number.
                unsafe { place.write(value(number)) };
                len += 1;
            }
            let ptr = black_box(ptr);
            // SAFETY: NULL, or from malloc and not used again.
            unsafe { free(ptr.cast()) };
            len
        })
        .arm(By::Std, || {
            let mut vec = Vec::new();
            for number in 0..black_box(COUNT) {
                vec.push(value(number));
            }
            black_box(vec).len()
        })
        .arm(By::AllocatorApi2, || {
            let mut vec = VecIn::new_in(CHeap);
            for number in 0..black_box(COUNT) {
                vec.push(value(number));
            }
            black_box(vec).len()
        })
}
