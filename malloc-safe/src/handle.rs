//! The macro that makes a handle of one of C's types.

/// Makes a type that owns a handle of a library's: for each type of a -sys crate, one line.
///
/// `handle! { pub struct Statement<'db>(ffi::sqlite3_stmt) = ffi::sqlite3_finalize; }` makes a
/// `Statement` that is the `sqlite3_stmt *` by ABI, and ends it with the function when it is
/// dropped. An `Option<Statement>` may be NULL, and may stand in a declaration. It has
///
/// - [`Owner`](crate::Owner), with `from_raw`, `as_ptr`, `into_raw`, `lend` and `lease`, all of which
///   speak of `ffi::sqlite3_stmt` and need no cast;
/// - [`Lease<'_, Statement>`](crate::Lease), its borrowed form, with the same methods;
/// - `Debug`, which shows its name and the address;
/// - `Clone`, if `, clone =` and a function that adds a reference stand behind the other.
///
/// It is neither `Send` nor `Sync`, unless it says so: `(ffi::EVP_PKEY): Send`, or `: Send + Sync`. A
/// lifetime is that of what it must not outlive, a parent that it uses until it is ended.
///
/// Both functions may be any expression that gives one, as in
/// [`deallocator!`](crate::deallocator!). Where the function that adds a reference can fail, a closure
/// aborts the program: a clone cannot.
///
/// State of Rust's that C points to is dropped after the handle if it stands behind it: the fields of
/// a struct are dropped in the order of their declaration.
///
/// # Safety
///
/// There is no `unsafe` to write here: whoever adopts a pointer, or declares a function to return a
/// handle, promises
///
/// - that the function ends the object, once, with the lifetimes of the handle still running;
/// - for `Send`, that the library's functions for it may be called in any thread, and for `Sync`, in
///   several at once;
/// - for `clone`, that a pointer stays valid as long as one reference is left, for every number of
///   references that safe code can reach: where the library's counter could wrap, the function
///   aborts first.
///
/// # Examples
///
/// ```
/// use core::ffi::c_int;
/// use malloc_safe::{Lease, Owner, handle};
/// # // Stand for a -sys crate.
/// # mod ffi {
/// #     use core::ffi::c_int;
/// #     pub use malloc_sys::counted as sqlite3;
/// #     pub use malloc_sys::counted as sqlite3_stmt;
/// #     pub use malloc_sys::counted_release as sqlite3_close;
/// #     pub use malloc_sys::counted_release as sqlite3_finalize;
/// #     pub unsafe fn sqlite3_step(_: *mut sqlite3_stmt) -> c_int { 101 }
/// #     pub unsafe fn sqlite3_open() -> *mut sqlite3 { unsafe { malloc_sys::counted_new(1) } }
/// #     pub unsafe fn sqlite3_prepare(_: *mut sqlite3) -> *mut sqlite3_stmt {
/// #         unsafe { malloc_sys::counted_new(1) }
/// #     }
/// # }
///
/// handle! {
///     /// A connection.
///     pub struct Database(ffi::sqlite3): Send = ffi::sqlite3_close;
/// }
///
/// handle! {
///     /// A statement, which uses its connection until it is finalized.
///     pub struct Statement<'db>(ffi::sqlite3_stmt) = ffi::sqlite3_finalize;
/// }
///
/// impl Database {
///     pub fn prepare(&self) -> Option<Statement<'_>> {
///         // SAFETY: an open connection, which outlives the statement.
///         unsafe { Statement::from_raw(ffi::sqlite3_prepare(self.as_ptr())) }
///     }
/// }
///
/// impl Statement<'_> {
///     pub fn step(&self) -> c_int {
///         // SAFETY: a statement of this thread's.
///         unsafe { ffi::sqlite3_step(self.as_ptr()) }
///     }
/// }
///
/// # // SAFETY: NULL, or a connection of the caller's.
/// # let database = unsafe { Database::from_raw(ffi::sqlite3_open()) }.expect("enough memory");
/// let statement = database.prepare().expect("enough memory");
/// assert_eq!(statement.step(), 101);
/// let lent: Lease<'_, Statement<'_>> = statement.lease();
/// assert_eq!(lent.step(), 101);
/// ```
///
/// A child is ended before its parent, or it does not compile:
///
/// ```compile_fail,E0505
/// # use malloc_safe::{Owner, handle};
/// # use malloc_sys::{counted, counted_new, counted_release};
/// handle! { pub struct Database(counted) = counted_release; }
/// handle! { pub struct Statement<'db>(counted) = counted_release; }
/// # impl Database {
/// #     pub fn prepare(&self) -> Option<Statement<'_>> { unsafe { Statement::from_raw(counted_new(1)) } }
/// # }
/// # let database = unsafe { Database::from_raw(counted_new(1)) }.unwrap();
///
/// let statement = database.prepare();
/// drop(database);
/// drop(statement);
/// ```
#[macro_export]
macro_rules! handle {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident $(<$lifetime:lifetime>)? ($raw:ty)
        $(: $send:ident $(+ $sync:ident)?)?
        = $release:expr $(, clone = $retain:expr)?;
    ) => {
        $crate::__handle! {
            @lifetime [$(#[$attribute])*] $visibility $name [$($lifetime)?] ($raw)
            [$($send $(+ $sync)?)?] ($release) [$($retain)?]
        }
    };
}

/// What [`handle!`](crate::handle!) stands for. As in `__deallocator!`, nothing of the caller's scope
/// is named.
#[doc(hidden)]
#[macro_export]
macro_rules! __handle {
    // Its deallocator is the handle itself, as a name: with the longest lifetime, so that a coercion
    // shortens that of the handle and leaves the deallocator.
    (@lifetime $attributes:tt $visibility:vis $name:ident [] $($rest:tt)+) => {
        $crate::__handle! { @all $attributes $visibility $name [] ($name) $($rest)+ }
    };
    (@lifetime $attributes:tt $visibility:vis $name:ident [$lifetime:lifetime] $($rest:tt)+) => {
        $crate::__handle! {
            @all $attributes $visibility $name [$lifetime] ($name<'static>) $($rest)+
        }
    };
    (@all
        [$(#[$attribute:meta])*] $visibility:vis $name:ident [$($lifetime:lifetime)?]
        ($deallocator:ty) ($raw:ty) $threads:tt ($release:expr) $retain:tt
    ) => {
        $(#[$attribute])*
        #[repr(transparent)]
        $visibility struct $name<$($lifetime)?> {
            owner: $crate::Owned<$crate::Opaque<$raw>, $deallocator>,
            lent: $crate::__private::PhantomData<($(&$lifetime (),)? *mut ())>,
        }

        // SAFETY: the function ends the object; that is promised by whoever adopts it.
        unsafe impl $crate::Deallocator<$crate::Opaque<$raw>> for $deallocator {
            type Contents = $crate::contents::Read;

            $crate::__deallocator! {
                @deallocate $crate::Opaque<$raw>, [$raw] [] [] [] ($release)
            }
        }

        // SAFETY: transparent around an owner of the pointee, which it drops.
        unsafe impl<$($lifetime)?> $crate::Owner for $name<$($lifetime)?> {
            type Pointee = $crate::Opaque<$raw>;
        }

        impl<$($lifetime)?> $crate::__private::Debug for $name<$($lifetime)?> {
            fn fmt(
                &self,
                __malloc_safe_f: &mut $crate::__private::Formatter<'_>,
            ) -> $crate::__private::FmtResult {
                $crate::__private::debug_handle(
                    $crate::__private::stringify!($name), &self.owner, __malloc_safe_f,
                )
            }
        }

        $crate::__handle! { @threads $name [$($lifetime)?] $threads }
        $crate::__handle! { @clone $name [$($lifetime)?] ($raw) $retain }
    };

    (@threads $name:ident [$($lifetime:lifetime)?] []) => {};
    (@threads $name:ident [$($lifetime:lifetime)?] [Send]) => {
        // SAFETY: said of the handle, and promised by whoever adopts it.
        unsafe impl<$($lifetime)?> $crate::__private::Send for $name<$($lifetime)?> {}
    };
    (@threads $name:ident [$($lifetime:lifetime)?] [Send + Sync]) => {
        // SAFETY: said of the handle, and promised by whoever adopts it.
        unsafe impl<$($lifetime)?> $crate::__private::Send for $name<$($lifetime)?> {}
        // SAFETY: as above.
        unsafe impl<$($lifetime)?> $crate::__private::Sync for $name<$($lifetime)?> {}
    };
    (@threads $name:ident $lifetime:tt $threads:tt) => {
        $crate::__private::compile_error! {
            "after the parentheses stands `: Send`, `: Send + Sync`, or nothing"
        }
    };

    (@clone $name:ident [$($lifetime:lifetime)?] ($raw:ty) []) => {};
    (@clone $name:ident [$($lifetime:lifetime)?] ($raw:ty) [$retain:expr]) => {
        /// Adds a reference; nothing is copied.
        impl<$($lifetime)?> $crate::__private::Clone for $name<$($lifetime)?> {
            #[inline]
            fn clone(&self) -> Self {
                #[inline]
                fn __malloc_safe_retain(__malloc_safe_ptr: *mut $raw) {
                    // Hides the function from the expression, which could call it with any address.
                    fn __malloc_safe_retain() {}
                    __malloc_safe_retain();
                    let __malloc_safe_function = $retain;
                    // SAFETY: the handle keeps the object.
                    let _ = unsafe { __malloc_safe_function(__malloc_safe_ptr) };
                }
                __malloc_safe_retain($crate::Owned::as_ptr(&self.owner));
                Self {
                    // SAFETY: the reference that was added.
                    owner: unsafe { $crate::__private::another(&self.owner) },
                    lent: $crate::__private::PhantomData,
                }
            }
        }
    };
}
