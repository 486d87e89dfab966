//! Arrays of pointers to what lives as long as the array.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;

use crate::never::{Never, Pinned};
use crate::pointee::layout::Layout as _;
use crate::show::Show;
use crate::{Borrowed, Deallocator, Free, NulTerminated, Opaque, Owned, Pointee};

/// An element of an array: a pointer, perhaps NULL, to a `T` that lives as long as the array does.
///
/// C has several such arrays, and they differ only in what their deallocator does with the `T`s:
///
/// | array | its deallocator |
/// | --- | --- |
/// | strings in the same block, as from `backtrace_symbols` | `free` |
/// | strings that the library keeps (transfer container) | `free` |
/// | strings that go with the array, as from `g_strsplit` | `g_strfreev`, the library's |
/// | strings that go with the array, and no such function | [`Each<Free>`](crate::Each) |
///
/// It stands in an `Owned<[Lent<T>], D>`, where the number of elements is known, and in an
/// `Owned<NulTerminated<Lent<T>>, D>`, where the first NULL is the end. Both lend the `T`s, and
/// neither lets an element out, which would outlive what it points to. [`LentCStr`] is the element
/// of an array of strings.
///
/// # Invariant
///
/// NULL, or a pointer to an aligned, valid `T` that lives until the block in which the element
/// stands is released. As long as it lives, nobody, C included, writes it outside an `UnsafeCell`,
/// nor uses it so that a shared borrow, in any thread if the `T` is `Sync`, would race with it. Two
/// elements may point to the same `T`.
///
/// # Threads
///
/// `Send` needs `T` to be `Send` and `Sync`: the owner's deallocator may end the `T` in the other
/// thread, and others may be looking at it. `Sync` needs it to be `Sync`.
///
/// # Examples
///
/// ```
/// use core::ffi::c_void;
/// use malloc_safe::{LentCStr, Owned};
///
/// # #[cfg(all(target_os = "linux", target_env = "gnu"))] {
/// let mut addresses = [core::ptr::null_mut::<c_void>(); 8];
/// // SAFETY: room for eight addresses.
/// let count = unsafe { libc::backtrace(addresses.as_mut_ptr(), 8) };
/// // SAFETY: that many addresses of code.
/// let symbols = unsafe { libc::backtrace_symbols(addresses.as_ptr(), count) };
/// // SAFETY: NULL, or one malloc block with that many pointers and the strings that they point to.
/// let symbols = unsafe { Owned::<[LentCStr]>::from_raw_parts(symbols.cast(), count as usize) }?;
/// assert_eq!(symbols.len(), count as usize);
/// for symbol in symbols.iter().flatten() {
///     println!("{}", symbol.to_string_lossy());
/// }
/// # }
/// # Ok::<(), malloc_safe::RawPartsError<LentCStr>>(())
/// ```
#[repr(transparent)]
pub struct Lent<T>(Option<NonNull<T>>);

/// An element of an array of C strings.
pub type LentCStr = Lent<NulTerminated<c_char>>;

// Never: out of its block an element would outlive what it points to.
impl<T> Unpin for Lent<T> where Pinned<T>: Never {}

// SAFETY: scenario: a worker receives the owner of the array, reads the T and drops the owner,
// whose deallocator ends the T there; the library may have lent the T to others besides.
unsafe impl<T: Send + Sync> Send for Lent<T> {}

// SAFETY: scenario: two threads hold the owner of the array by reference and read the T.
unsafe impl<T: Sync> Sync for Lent<T> {}

impl<T> Lent<T> {
    /// The pointer, for a deallocator that ends what it points to.
    #[inline]
    pub(crate) fn as_non_null(&self) -> Option<NonNull<T>> {
        self.0
    }

    /// The element as the owner of its block, borrowed for `'a`, lends it. Not public: a reference
    /// to an element does not say how long its block lives.
    #[inline]
    fn view<'a>(&'a self) -> Option<T::View<'a>>
    where
        T: Lendable + 'a,
    {
        // SAFETY: by the invariant a valid T that lives as long as the block. Only the owners'
        // methods below come here, and they borrow the owner for 'a.
        self.0.map(|ptr| unsafe { T::view(ptr) })
    }
}

/// What an array of [`Lent<T>`](Lent) lends of its elements: for a plain `T` that is `&T`, for a C
/// string `&CStr`, for an [`Opaque`] handle [`Borrowed`].
///
/// A function over whatever an array can lend:
///
/// ```
/// use malloc_safe::{Deallocator, Lendable, Lent, Owned};
///
/// fn last<T, D>(array: &Owned<[Lent<T>], D>) -> Option<T::View<'_>>
/// where
///     T: Lendable,
///     D: Deallocator<[Lent<T>]>,
/// {
///     array.iter().rev().flatten().next()
/// }
///
/// # use malloc_safe::{Free, LentCStr, out};
/// # let (_, names) = unsafe {
/// #     out::slice::<LentCStr, Free, _>(|array, count| {
/// #         malloc_sys::workload_names(array.cast(), count)
/// #     })
/// # };
/// # let names = names?;
/// assert_eq!(last(&names), Some(c"name_list")); // of strings, a CStr
/// # Ok::<(), malloc_safe::RawPartsError<LentCStr>>(())
/// ```
pub trait Lendable: Pointee {
    /// What is lent for `'a`.
    type View<'a>
    where
        Self: 'a;

    /// Lends what the pointer points to.
    ///
    /// # Safety
    ///
    /// For `'a`, `ptr` satisfies the [invariant](Lent#invariant) of an element that is not NULL.
    unsafe fn view<'a>(ptr: NonNull<Self>) -> Self::View<'a>
    where
        Self: 'a;
}

impl<T: Unpin> Lendable for T {
    type View<'a>
        = &'a T
    where
        T: 'a;

    #[inline]
    unsafe fn view<'a>(ptr: NonNull<T>) -> &'a T
    where
        T: 'a,
    {
        const { T::VISIBLE };
        // SAFETY: the caller says that there is a valid T for 'a, which nobody writes.
        unsafe { ptr.as_ref() }
    }
}

impl Lendable for NulTerminated<c_char> {
    type View<'a> = &'a CStr;

    /// Searches for the terminator with `strlen`.
    #[inline]
    unsafe fn view<'a>(ptr: NonNull<Self>) -> &'a CStr {
        // SAFETY: the caller says that there is a terminated string for 'a, which nobody writes.
        unsafe { CStr::from_ptr(ptr.cast().as_ptr()) }
    }
}

impl<Tag> Lendable for Opaque<Tag> {
    type View<'a>
        = Borrowed<'a, Self>
    where
        Tag: 'a;

    #[inline]
    unsafe fn view<'a>(ptr: NonNull<Self>) -> Borrowed<'a, Self>
    where
        Tag: 'a,
    {
        Borrowed::new(ptr)
    }
}

/// An array of pointers to what lives as long as the array, and the number of them.
///
/// Adopted as other slices are, with [`from_raw_parts`](Owned::from_raw_parts) or
/// [`out::slice`](crate::out::slice), which promise the [invariant](Lent#invariant) of every
/// element.
impl<T: Lendable, D: Deallocator<[Lent<T>]>> Owned<[Lent<T>], D> {
    /// The elements from first to last, or from both ends; NULL is `None`.
    ///
    /// ```
    /// use malloc_safe::{Free, LentCStr, out};
    ///
    /// // SAFETY: the function stores NULL and 0, or a malloc block of that many strings, which the
    /// // library keeps.
    /// let (status, names) = unsafe {
    ///     out::slice::<LentCStr, Free, _>(|array, count| {
    ///         malloc_sys::workload_names(array.cast(), count)
    ///     })
    /// };
    /// assert_eq!(status, 0);
    /// assert!(names?.iter().flatten().any(|name| name == c"buffer"));
    /// # Ok::<(), malloc_safe::RawPartsError<LentCStr>>(())
    /// ```
    #[inline]
    pub fn iter(&self) -> LentIter<'_, T, D> {
        LentIter {
            elements: self.elements().iter(),
            owner: PhantomData,
        }
    }

    /// The element at `index`, `Some(None)` if it is NULL; `None` behind the last.
    ///
    /// ```
    /// # use malloc_safe::{Each, Free, LentCStr, out};
    /// # // SAFETY: an array and its length; array and strings are malloc blocks.
    /// # let (_, strings) = unsafe {
    /// #     out::slice::<LentCStr, Each<Free>, _>(|array, count| {
    /// #         malloc_sys::workload_strings(3, 2, b'-' as _, array.cast(), count)
    /// #     })
    /// # };
    /// # let strings = strings?;
    /// assert_eq!(strings.get(2), Some(Some(c"--")));
    /// assert_eq!(strings.get(3), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn get(&self, index: usize) -> Option<Option<T::View<'_>>> {
        self.elements().get(index).map(Lent::view)
    }

    /// How many elements there are, NULLs included.
    ///
    /// ```
    /// # use malloc_safe::{Each, Free, LentCStr, out};
    /// # // SAFETY: an array and its length; array and strings are malloc blocks.
    /// # let (_, strings) = unsafe {
    /// #     out::slice::<LentCStr, Each<Free>, _>(|array, count| {
    /// #         malloc_sys::workload_strings(3, 2, b'-' as _, array.cast(), count)
    /// #     })
    /// # };
    /// # let strings = strings?;
    /// assert_eq!(strings.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        self.as_non_null().len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use malloc_safe::{LentCStr, Owned};
    ///
    /// // SAFETY: NULL and 0 are the array without elements.
    /// let none = unsafe { Owned::<[LentCStr]>::from_raw_parts(core::ptr::null_mut(), 0) }?;
    /// assert!(none.is_empty());
    /// # Ok::<(), malloc_safe::RawPartsError<LentCStr>>(())
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn elements(&self) -> &[Lent<T>] {
        // SAFETY: by the owner's invariant a valid slice, unshared but for borrows of `self`.
        unsafe { self.as_non_null().as_ref() }
    }
}

/// An array of pointers to what lives as long as the array, up to the first NULL.
///
/// The length is not stored, so the owner can stand in a declaration; each look at it starts from
/// the first element.
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{LentCStr, NulTerminated, Owned, deallocator};
///
/// # mod glib {
/// #     use core::ffi::c_char;
/// #     #[unsafe(no_mangle)]
/// #     extern "C" fn g_strsplit(_: *const c_char, _: *const c_char, _: i32) -> *mut *mut c_char {
/// #         unsafe {
/// #             let array = malloc_sys::malloc(3 * size_of::<*mut c_char>()).cast::<*mut c_char>();
/// #             array.write(malloc_sys::workload_string(1, b'a' as c_char));
/// #             array.add(1).write(malloc_sys::workload_string(1, b'b' as c_char));
/// #             array.add(2).write(core::ptr::null_mut());
/// #             array
/// #         }
/// #     }
/// #     pub unsafe extern "C" fn g_strfreev(array: *mut *mut c_char) {
/// #         unsafe {
/// #             malloc_sys::free((*array).cast());
/// #             malloc_sys::free((*array.add(1)).cast());
/// #             malloc_sys::free(array.cast());
/// #         }
/// #     }
/// # }
/// # use glib::g_strfreev;
/// deallocator! { struct StrFreeV(*mut c_char) = g_strfreev; }
///
/// unsafe extern "C" {
///     fn g_strsplit(
///         string: *const c_char,
///         delimiter: *const c_char,
///         max_tokens: i32,
///     ) -> Option<Owned<NulTerminated<LentCStr>, StrFreeV>>;
/// }
///
/// // SAFETY: two C strings.
/// let parts = unsafe { g_strsplit(c"a:b".as_ptr(), c":".as_ptr(), -1) }.expect("never NULL");
/// assert!(parts.iter().eq([c"a", c"b"]));
/// ```
impl<T: Lendable, D: Deallocator<NulTerminated<Lent<T>>>> Owned<NulTerminated<Lent<T>>, D> {
    /// The elements before the NULL, each searched for when it is asked for.
    ///
    /// ```
    /// # use malloc_safe::{LentCStr, NulTerminated, Owned};
    /// # unsafe extern "C" { safe fn workload_name_list() -> Option<Owned<NulTerminated<LentCStr>>>; }
    /// # use malloc_sys as _;
    /// let names = workload_name_list().expect("enough memory");
    /// assert!(names.iter().any(|name| name == c"buffer"));
    /// ```
    #[inline]
    pub fn iter(&self) -> LentUntilNull<'_, T, D> {
        LentUntilNull {
            next: self.as_non_null().cast(),
            owner: PhantomData,
        }
    }

    /// The element at `index`, if that is before the NULL.
    ///
    /// ```
    /// # use malloc_safe::{LentCStr, NulTerminated, Owned};
    /// # unsafe extern "C" { safe fn workload_name_list() -> Option<Owned<NulTerminated<LentCStr>>>; }
    /// # use malloc_sys as _;
    /// let names = workload_name_list().expect("enough memory");
    /// assert_eq!(names.get(0), Some(c"string"));
    /// ```
    #[inline]
    pub fn get(&self, index: usize) -> Option<T::View<'_>> {
        self.iter().nth(index)
    }

    /// How many elements come before the NULL: searches for it.
    ///
    /// ```
    /// # use malloc_safe::{LentCStr, NulTerminated, Owned};
    /// # unsafe extern "C" { safe fn workload_name_list() -> Option<Owned<NulTerminated<LentCStr>>>; }
    /// # use malloc_sys as _;
    /// let names = workload_name_list().expect("enough memory");
    /// assert_eq!(names.len(), names.iter().count());
    /// ```
    #[inline]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the first element is the NULL.
    ///
    /// ```
    /// # use malloc_safe::{LentCStr, NulTerminated, Owned};
    /// # unsafe extern "C" { safe fn workload_name_list() -> Option<Owned<NulTerminated<LentCStr>>>; }
    /// # use malloc_sys as _;
    /// let names = workload_name_list().expect("enough memory");
    /// assert!(!names.is_empty());
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// The elements of an [`Owned<[Lent<T>], D>`](Lent), as its owner lends them: what the
/// owner's `iter` returns.
///
/// ```
/// # use malloc_safe::{LentCStr, LentIter, Owned};
/// let none = Owned::<[LentCStr]>::empty();
/// let mut strings: LentIter<'_, _, _> = none.iter();
/// assert_eq!((strings.len(), strings.next_back()), (0, None));
/// ```
pub struct LentIter<'a, T, D: Deallocator<[Lent<T>]> = Free> {
    elements: slice::Iter<'a, Lent<T>>,
    owner: PhantomData<&'a Owned<[Lent<T>], D>>, // which says whether it may leave its thread
}

impl<'a, T: Lendable, D: Deallocator<[Lent<T>]>> Iterator for LentIter<'a, T, D> {
    type Item = Option<T::View<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.elements.next().map(Lent::view)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.elements.size_hint()
    }

    #[inline]
    fn count(self) -> usize {
        self.elements.len()
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.elements.nth(n).map(Lent::view)
    }
}

impl<T: Lendable, D: Deallocator<[Lent<T>]>> DoubleEndedIterator for LentIter<'_, T, D> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.elements.next_back().map(Lent::view)
    }
}

impl<T: Lendable, D: Deallocator<[Lent<T>]>> ExactSizeIterator for LentIter<'_, T, D> {}
impl<T: Lendable, D: Deallocator<[Lent<T>]>> FusedIterator for LentIter<'_, T, D> {}

impl<T, D: Deallocator<[Lent<T>]>> Clone for LentIter<'_, T, D> {
    fn clone(&self) -> Self {
        Self {
            elements: self.elements.clone(),
            owner: PhantomData,
        }
    }
}

/// The elements of an [`Owned<NulTerminated<Lent<T>>, D>`](Lent), as its owner lends them: what the
/// owner's `iter` returns.
///
/// # Invariant
///
/// `next` is an element of a terminated array whose owner is borrowed for `'a`, and has not passed
/// the NULL.
///
/// # Examples
///
/// ```
/// # use malloc_safe::{LentCStr, NulTerminated, Owned};
/// # unsafe extern "C" { safe fn workload_name_list() -> Option<Owned<NulTerminated<LentCStr>>>; }
/// # use malloc_sys as _;
/// let names = workload_name_list().expect("enough memory");
/// let mut rest = names.iter();
/// assert_eq!(rest.next(), Some(c"string"));
/// assert_eq!(rest.clone().count(), names.len() - 1);
/// ```
pub struct LentUntilNull<'a, T, D: Deallocator<NulTerminated<Lent<T>>> = Free> {
    next: NonNull<Lent<T>>,
    owner: PhantomData<&'a Owned<NulTerminated<Lent<T>>, D>>,
}

impl<'a, T, D> Iterator for LentUntilNull<'a, T, D>
where
    T: Lendable,
    D: Deallocator<NulTerminated<Lent<T>>>,
{
    type Item = T::View<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::View<'a>> {
        // SAFETY: by the invariant an element, of an owner that is borrowed.
        let element: &'a Lent<T> = unsafe { self.next.as_ref() };
        let view = element.view()?;
        // SAFETY: behind an element that is not NULL there is another.
        self.next = unsafe { self.next.add(1) };
        Some(view)
    }
}

impl<T, D> FusedIterator for LentUntilNull<'_, T, D>
where
    T: Lendable,
    D: Deallocator<NulTerminated<Lent<T>>>,
{
}

impl<T, D: Deallocator<NulTerminated<Lent<T>>>> Clone for LentUntilNull<'_, T, D> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

// SAFETY: scenario: another thread gets the iterator and reads the elements, as it may through
// the shared owner that this stands for, if that is Sync.
unsafe impl<T: Sync, D> Send for LentUntilNull<'_, T, D> where
    D: Deallocator<NulTerminated<Lent<T>>> + Sync
{
}

// SAFETY: as above: a shared iterator can be cloned.
unsafe impl<T: Sync, D> Sync for LentUntilNull<'_, T, D> where
    D: Deallocator<NulTerminated<Lent<T>>> + Sync
{
}

impl<'a, T: Lendable, D: Deallocator<[Lent<T>]>> IntoIterator for &'a Owned<[Lent<T>], D> {
    type Item = Option<T::View<'a>>;
    type IntoIter = LentIter<'a, T, D>;

    #[inline]
    fn into_iter(self) -> LentIter<'a, T, D> {
        self.iter()
    }
}

impl<'a, T, D> IntoIterator for &'a Owned<NulTerminated<Lent<T>>, D>
where
    T: Lendable,
    D: Deallocator<NulTerminated<Lent<T>>>,
{
    type Item = T::View<'a>;
    type IntoIter = LentUntilNull<'a, T, D>;

    #[inline]
    fn into_iter(self) -> LentUntilNull<'a, T, D> {
        self.iter()
    }
}

impl<T: Lendable> Show for [Lent<T>]
where
    for<'a> T::View<'a>: fmt::Debug,
{
    unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the caller says that the owner of these elements is borrowed.
        let elements = unsafe { ptr.as_ref() };
        f.debug_list()
            .entries(elements.iter().map(Lent::view))
            .finish()
    }
}

impl<T: Lendable> Show for NulTerminated<Lent<T>>
where
    for<'a> T::View<'a>: fmt::Debug,
{
    unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut next = ptr.cast::<Lent<T>>();
        // SAFETY: the caller says that the owner is borrowed; `next` has not passed the NULL.
        while let Some(view) = unsafe { next.as_ref() }.view() {
            list.entry(&view);
            // SAFETY: behind an element that is not NULL there is another.
            next = unsafe { next.add(1) };
        }
        list.finish()
    }
}

/// As the pointer: what it points to lives as long as the array, which is not known here.
impl<T> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&self.0).finish()
    }
}

impl<T, D: Deallocator<[Lent<T>]>> fmt::Debug for LentIter<'_, T, D>
where
    T: Lendable,
    for<'b> T::View<'b>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<T, D: Deallocator<NulTerminated<Lent<T>>>> fmt::Debug for LentUntilNull<'_, T, D>
where
    T: Lendable,
    for<'b> T::View<'b>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
