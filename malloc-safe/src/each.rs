//! Deep arrays without a function of the library's that releases them.

use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ptr::NonNull;

use crate::contents::Read;
use crate::owned::Block;
use crate::{Deallocator, Lent, NulTerminated};

/// Releases every element of an array with `E`, then the array with `D`: C's loop of `free`s, and
/// the last one.
///
/// The elements are [`Lent<T>`](Lent): as many as are counted, NULLs skipped, or those before the
/// NULL that ends the array. They stay in it, and are lent together; where each is to have an
/// owner that can be taken out, as of what `scandir` returns, the array is an
/// `Owned<[Owned<T, E>], D>`, which needs no `Each` but must know its length.
///
/// If releasing an element panics, the others and the array are released all the same.
///
/// A `T` with a destructor does not compile where the array is dropped: `E` ends it, not Rust.
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{Each, Free, LentCStr, out};
///
/// // SAFETY: the function stores NULL and 0, or an array and its length; array and strings are
/// // malloc blocks.
/// let (status, strings) = unsafe {
///     out::slice::<LentCStr, Each<Free>, _>(|array, count| {
///         malloc_sys::workload_strings(3, 2, b'-' as c_char, array.cast(), count)
///     })
/// };
/// assert_eq!(status, 0);
/// assert!(strings?.iter().all(|string| string == Some(c"--")));
/// // three strings freed here, and the array
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Each<E, D = E>(PhantomData<(E, D)>);

impl<E, D> fmt::Debug for Each<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Each")
    }
}

// SAFETY: each element is a block of E's, and the array one of D's: that is what "Each<E, D>'s to
// release" says to whoever adopts the array. The elements have no destructor, and an array of
// length 0 leaks its elements at worst. Send if both are.
unsafe impl<T, E: Deallocator<T>, D: Deallocator<[Lent<T>]>> Deallocator<[Lent<T>]> for Each<E, D> {
    type Contents = Read; // the pointers

    #[inline]
    unsafe fn deallocate(ptr: NonNull<[Lent<T>]>) {
        let _array = Block::<_, D>(ptr, PhantomData);
        // SAFETY: the array is live until the end of this scope, and nobody else uses it.
        let elements = unsafe { ptr.as_ref() };
        // SAFETY: the caller hands over the elements with the array.
        unsafe { release::<T, E>(elements.iter().filter_map(Lent::as_non_null)) }
    }
}

// SAFETY: as above, for the elements before the NULL.
unsafe impl<T, E, D> Deallocator<NulTerminated<Lent<T>>> for Each<E, D>
where
    E: Deallocator<T>,
    D: Deallocator<NulTerminated<Lent<T>>>,
{
    type Contents = Read;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<NulTerminated<Lent<T>>>) {
        let _array = Block::<_, D>(ptr, PhantomData);
        let mut next = ptr.cast::<Lent<T>>();
        let elements = core::iter::from_fn(|| {
            // SAFETY: `next` has not passed the NULL of an array that is live until the end of
            // this scope.
            let element = unsafe { next.as_ref() }.as_non_null()?;
            // SAFETY: behind an element that is not NULL there is another.
            next = unsafe { next.add(1) };
            Some(element)
        });
        // SAFETY: the caller hands over the elements with the array.
        unsafe { release::<T, E>(elements) }
    }
}

/// Releases the elements with `E`, the rest of them even if one panics.
///
/// # Safety
///
/// Every element is `E`'s to release, and not used again.
#[inline]
unsafe fn release<T, E: Deallocator<T>>(elements: impl Iterator<Item = NonNull<T>>) {
    /// The elements that are left, and are released even so.
    struct Rest<T, E: Deallocator<T>, I: Iterator<Item = NonNull<T>>>(I, PhantomData<E>);

    impl<T, E: Deallocator<T>, I: Iterator<Item = NonNull<T>>> Rest<T, E, I> {
        #[inline]
        fn release(&mut self) {
            for element in &mut self.0 {
                // SAFETY: the caller of the function around hands it over, and the iterator gives
                // it once.
                unsafe { E::deallocate(element) }
            }
        }
    }

    impl<T, E: Deallocator<T>, I: Iterator<Item = NonNull<T>>> Drop for Rest<T, E, I> {
        #[inline]
        fn drop(&mut self) {
            self.release(); // nothing is left but after a panic
        }
    }

    const {
        assert!(
            !mem::needs_drop::<T>(),
            "an element is ended by its deallocator, not by Rust"
        );
    }
    Rest::<T, E, _>(elements, PhantomData).release();
}
