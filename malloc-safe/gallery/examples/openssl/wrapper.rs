//! A wrapper of OpenSSL's keys.
//!
//! Written with raw pointers, a key leaks on every way out that does not drop its reference, and is
//! freed under another's feet where one is dropped too many; an encoding leaks unless it reaches
//! `OPENSSL_free`, and a secret stays in memory unless it reaches `OPENSSL_clear_free`, with its
//! length. Here `Clone` and `Drop` count, and the types know what frees them.

use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::{self, NonNull};
use malloc_safe::{Borrowed, Opaque, Owned, RefCounted, Shared, deallocator};

type Pkey = Opaque<Key>;
deallocator! { pub(crate) struct Free(Pkey) = EVP_PKEY_free; }
deallocator! {
    pub(crate) struct CryptoFree(any) = |block| {
        // SAFETY: the owner hands over a live block of OpenSSL's.
        unsafe { CRYPTO_free(block, c"".as_ptr(), 0) }
    };
}
deallocator! {
    pub(crate) struct ClearFree([any]) = |block, size| {
        // SAFETY: the owner hands over a live block of OpenSSL's, of this size.
        unsafe { CRYPTO_clear_free(block, size, c"".as_ptr(), 0) }
    };
}

// SAFETY: one function adds a reference and the other drops it, atomically.
unsafe impl RefCounted<Pkey> for Free {
    unsafe fn retain(ptr: NonNull<Pkey>) {
        // SAFETY: the caller has a live key.
        if unsafe { EVP_PKEY_up_ref(ptr.as_ptr()) } != 1 {
            std::process::abort(); // the count has become negative
        }
    }
}

#[rustfmt::skip] // a declaration a line
unsafe extern "C" {
    fn CRYPTO_free(block: *mut c_void, file: *const c_char, line: c_int);
    fn CRYPTO_clear_free(block: *mut c_void, size: usize, file: *const c_char, line: c_int);
    fn EVP_PKEY_free(key: *mut Pkey);
    fn EVP_PKEY_up_ref(key: *mut Pkey) -> c_int;
    fn EVP_PKEY_new_raw_private_key(kind: c_int, engine: *mut c_void, secret: *const u8, length: usize) -> Option<Shared<Pkey, Free>>;
    safe fn EVP_PKEY_eq(one: Borrowed<'_, Pkey>, other: Borrowed<'_, Pkey>) -> c_int;
    fn i2d_PUBKEY(key: Borrowed<'_, Pkey>, out: *mut *mut u8) -> c_int;
    fn i2d_PrivateKey(key: Borrowed<'_, Pkey>, out: *mut *mut u8) -> c_int;
    fn d2i_PUBKEY(out: *mut *mut Pkey, bytes: &mut *const u8, length: c_long) -> Option<Shared<Pkey, Free>>;
}

#[derive(Clone)]
pub(crate) struct Key(Shared<Pkey, Free>);

impl Key {
    pub(crate) fn ed25519(secret: &[u8; 32]) -> Option<Self> {
        // SAFETY: a kind of key whose secret has 32 bytes, and no engine.
        unsafe { EVP_PKEY_new_raw_private_key(1087, ptr::null_mut(), secret.as_ptr(), 32) }.map(Key)
    }
    pub(crate) fn from_public_der(bytes: &[u8]) -> Option<Self> {
        let length = bytes.len().try_into().ok()?;
        // SAFETY: a place that moves along so many bytes; NULL asks for a new key.
        unsafe { d2i_PUBKEY(ptr::null_mut(), &mut bytes.as_ptr(), length) }.map(Key)
    }
    pub(crate) fn public_der(&self) -> Option<Owned<[u8], CryptoFree>> {
        let mut bytes = ptr::null_mut();
        // SAFETY: the place holds NULL, so the function allocates.
        let length = unsafe { i2d_PUBKEY(Shared::lend(&self.0), &raw mut bytes) };
        // SAFETY: a negative status, or so many bytes for CRYPTO_free.
        unsafe { Owned::from_raw_parts(bytes, usize::try_from(length).ok()?) }.ok()
    }
    pub(crate) fn secret_der(&self) -> Option<Owned<[u8], ClearFree>> {
        let mut bytes = ptr::null_mut();
        // SAFETY: the place holds NULL, so the function allocates.
        let length = unsafe { i2d_PrivateKey(Shared::lend(&self.0), &raw mut bytes) };
        // SAFETY: a negative status, or so many bytes for CRYPTO_clear_free.
        unsafe { Owned::from_raw_parts(bytes, usize::try_from(length).ok()?) }.ok()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        EVP_PKEY_eq(Shared::lend(&self.0), Shared::lend(&other.0)) == 1
    }
}
