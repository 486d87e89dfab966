//! OpenSSL: its own allocator with a file and a line, encodings, secrets, reference counts.

use core::cell::Cell;
use core::ffi::{c_char, c_int, c_long, c_uchar, c_ulong, c_void};
use core::ptr::{self, NonNull};
use malloc_safe::{
    Borrowed, Deallocator, NulTerminated, Opaque, Owned, RefCounted, Shared, deallocator,
};
use std::process;

enum NumberTag {}
enum KeyTag {}
enum CertificateTag {}
enum StreamTag {}
enum MethodTag {}
type Number = Opaque<NumberTag>;
type Key = Opaque<KeyTag>;
type Certificate = Opaque<CertificateTag>;
type Stream = Opaque<StreamTag>;
type Method = Opaque<MethodTag>;

deallocator! {
    /// What the macro `OPENSSL_free` stands for.
    struct CryptoFree(any) = |block| {
        // SAFETY: the owner hands over a live block of OpenSSL's.
        unsafe { CRYPTO_free(block, c"openssl.rs".as_ptr(), 1) }
    };
}
deallocator! { struct FreeNumber(Number) = BN_free; }
deallocator! { struct FreeKey(Key) = EVP_PKEY_free; }
deallocator! { struct FreeCertificate(Certificate) = X509_free; }
deallocator! { struct FreeStream(Stream) = BIO_free; }

thread_local! { static CLEARED: Cell<usize> = const { Cell::new(0) }; }

deallocator! {
    /// Overwrites a secret with zeros, then frees it: `OPENSSL_clear_free`, which wants the length.
    struct ClearFree([any]) = |block, size| {
        CLEARED.set(size);
        // SAFETY: the owner hands over a live block of OpenSSL's, of this size.
        unsafe { CRYPTO_clear_free(block, size, c"openssl.rs".as_ptr(), 1) }
    };
}

/// An `…_up_ref` reports a count that has become negative.
fn check(status: c_int) {
    if status != 1 {
        process::abort();
    }
}

// SAFETY: one function adds a reference and the other drops it, atomically.
unsafe impl RefCounted<Key> for FreeKey {
    unsafe fn retain(ptr: NonNull<Key>) {
        // SAFETY: the caller has a live key.
        check(unsafe { EVP_PKEY_up_ref(ptr.as_ptr()) });
    }
}

// SAFETY: as for a key.
unsafe impl RefCounted<Certificate> for FreeCertificate {
    unsafe fn retain(ptr: NonNull<Certificate>) {
        // SAFETY: the caller has a live certificate.
        check(unsafe { X509_up_ref(ptr.as_ptr()) });
    }
}

// SAFETY: as for a key.
unsafe impl RefCounted<Stream> for FreeStream {
    unsafe fn retain(ptr: NonNull<Stream>) {
        // SAFETY: the caller has a live stream.
        check(unsafe { BIO_up_ref(ptr.as_ptr()) });
    }
}

unsafe extern "C" {
    fn CRYPTO_free(block: *mut c_void, file: *const c_char, line: c_int);
    fn CRYPTO_clear_free(block: *mut c_void, size: usize, file: *const c_char, line: c_int);
    safe fn BN_new() -> Option<Owned<Number, FreeNumber>>;
    fn BN_free(number: *mut Number);
    safe fn BN_set_word(number: Borrowed<'_, Number>, value: c_ulong) -> c_int;
    safe fn BN_bn2hex(
        number: Borrowed<'_, Number>,
    ) -> Option<Owned<NulTerminated<c_char>, CryptoFree>>;
    fn EVP_PKEY_new_raw_private_key(
        kind: c_int,
        engine: *mut c_void,
        secret: *const c_uchar,
        length: usize,
    ) -> Option<Shared<Key, FreeKey>>;
    fn EVP_PKEY_up_ref(key: *mut Key) -> c_int;
    fn EVP_PKEY_free(key: *mut Key);
    safe fn EVP_PKEY_eq(one: Borrowed<'_, Key>, other: Borrowed<'_, Key>) -> c_int;
    // Not safe: what is encoded goes to wherever the place points, if that is not NULL.
    fn i2d_PUBKEY(key: Borrowed<'_, Key>, out: *mut *mut c_uchar) -> c_int;
    fn i2d_PrivateKey(key: Borrowed<'_, Key>, out: *mut *mut c_uchar) -> c_int;
    fn i2d_X509(certificate: Borrowed<'_, Certificate>, out: *mut *mut c_uchar) -> c_int;
    fn d2i_PUBKEY(
        out: *mut *mut Key,
        bytes: &mut *const c_uchar,
        length: c_long,
    ) -> Option<Shared<Key, FreeKey>>;
    safe fn X509_new() -> Option<Shared<Certificate, FreeCertificate>>;
    fn X509_up_ref(certificate: *mut Certificate) -> c_int;
    fn X509_free(certificate: *mut Certificate);
    safe fn X509_get_version(certificate: Borrowed<'_, Certificate>) -> c_long;
    safe fn X509_set_version(certificate: Borrowed<'_, Certificate>, version: c_long) -> c_int;
    // Keeps the key with a reference of its own.
    safe fn X509_set_pubkey(
        certificate: Borrowed<'_, Certificate>,
        key: Borrowed<'_, Key>,
    ) -> c_int;
    safe fn X509_get_pubkey(certificate: Borrowed<'_, Certificate>)
    -> Option<Shared<Key, FreeKey>>;
    // A pointer, as X509_set_pubkey may end what it points to.
    safe fn X509_get0_pubkey(certificate: Borrowed<'_, Certificate>) -> *mut Key;
    safe fn BIO_s_mem() -> Option<Borrowed<'static, Method>>;
    safe fn BIO_new(method: Option<Borrowed<'_, Method>>) -> Option<Shared<Stream, FreeStream>>;
    fn BIO_up_ref(stream: *mut Stream) -> c_int;
    fn BIO_free(stream: *mut Stream) -> c_int;
    fn BIO_write(stream: Borrowed<'_, Stream>, from: *const c_void, length: c_int) -> c_int;
    fn BIO_read(stream: Borrowed<'_, Stream>, to: *mut c_void, length: c_int) -> c_int;
}

const ED25519: c_int = 1087;

fn key() -> Shared<Key, FreeKey> {
    let secret = [7; 32];
    // SAFETY: a kind of key whose secret has 32 bytes, and no engine.
    let key =
        unsafe { EVP_PKEY_new_raw_private_key(ED25519, ptr::null_mut(), secret.as_ptr(), 32) };
    key.expect("enough memory")
}

/// What an `i2d_…` function stores and returns: a block and its length, or a negative status.
///
/// # Safety
///
/// `encode` does so, and the block is `D`'s to release.
unsafe fn encoded<D: Deallocator<[u8]>>(
    encode: impl FnOnce(*mut *mut c_uchar) -> c_int,
) -> Result<Owned<[u8], D>, c_int> {
    let mut bytes = ptr::null_mut();
    let status = encode(&raw mut bytes);
    let length = usize::try_from(status).map_err(|_| status)?;
    // SAFETY: the caller says so.
    let bytes = unsafe { Owned::from_raw_parts(bytes, length) };
    Ok(bytes.expect("a pointer comes with its length"))
}

fn public_key(key: &Shared<Key, FreeKey>) -> Result<Owned<[u8], CryptoFree>, c_int> {
    // SAFETY: the place holds NULL, so the function allocates.
    let encode = |out| unsafe { i2d_PUBKEY(Shared::lend(key), out) };
    // SAFETY: what an i2d function does; the block is for CRYPTO_free.
    unsafe { encoded(encode) }
}

fn decode(bytes: &[u8]) -> Option<Shared<Key, FreeKey>> {
    let length = bytes.len().try_into().expect("a short encoding");
    // SAFETY: a place that moves along so many bytes; NULL asks for a new key.
    unsafe { d2i_PUBKEY(ptr::null_mut(), &mut bytes.as_ptr(), length) }
}

fn shown_key(certificate: &Shared<Certificate, FreeCertificate>) -> Option<Shared<Key, FreeKey>> {
    let key = X509_get0_pubkey(Shared::lend(certificate));
    // SAFETY: NULL or a key that the certificate keeps alive while a reference is added.
    unsafe { Shared::retain(key.cast()) }
}

#[test]
fn a_number_in_hexadecimal_is_freed_with_a_file_and_a_line() {
    let number = BN_new().expect("enough memory");
    assert_eq!(BN_set_word(Owned::lend(&number), 0x00C0_FFEE), 1);
    let hex = BN_bn2hex(Owned::lend(&number)).expect("enough memory");
    drop(number);
    assert_eq!(hex.to_str(), Ok("C0FFEE"));
}

#[test]
fn an_encoding_is_a_pointer_and_a_length() {
    let key = key();
    let bytes = public_key(&key).expect("a key can be encoded");
    assert_eq!(bytes.len(), 44);
    let read = decode(&bytes).expect("as written");
    assert_eq!(EVP_PKEY_eq(Shared::lend(&key), Shared::lend(&read)), 1);
}

#[test]
fn bytes_that_encode_nothing_are_no_key() {
    assert!(decode(&[0xFF; 4]).is_none());
    assert!(decode(&[]).is_none());
}

#[test]
fn what_cannot_be_encoded_is_a_status_and_no_bytes() {
    let unsigned = X509_new().expect("enough memory");
    // SAFETY: the place holds NULL, so the function allocates.
    let encode = |out| unsafe { i2d_X509(Shared::lend(&unsigned), out) };
    // SAFETY: what an i2d function does; the block is for CRYPTO_free.
    let status = unsafe { encoded::<CryptoFree>(encode) }.expect_err("there is no signature");
    assert!(status < 0);
}

#[test]
fn a_secret_is_cleared_and_freed_with_its_length() {
    let key = key();
    // SAFETY: the place holds NULL, so the function allocates.
    let encode = |out| unsafe { i2d_PrivateKey(Shared::lend(&key), out) };
    // SAFETY: what an i2d function does; the block is for CRYPTO_clear_free, with its length.
    let secret = unsafe { encoded::<ClearFree>(encode) }.expect("a key can be encoded");
    assert_eq!(secret.len(), 48);
    assert!(secret.ends_with(&[7; 32]));
    drop(secret);
    assert_eq!(CLEARED.get(), 48);
}

#[test]
fn a_certificate_lives_until_its_last_reference() {
    let one = X509_new().expect("enough memory");
    let two = one.clone();
    assert_eq!(X509_set_version(Shared::lend(&one), 2), 1);
    drop(one);
    assert_eq!(X509_get_version(Shared::lend(&two)), 2);
}

#[test]
fn a_key_outlives_the_certificate_that_it_was_got_from() {
    let certificate = X509_new().expect("enough memory");
    assert_eq!(
        X509_set_pubkey(Shared::lend(&certificate), Shared::lend(&key())),
        1
    );
    let full = X509_get_pubkey(Shared::lend(&certificate)).expect("it was set");
    let none = shown_key(&certificate).expect("it was set");
    drop(certificate);
    assert!(Shared::ptr_eq(&full, &none));
    drop(full);
    assert_eq!(EVP_PKEY_eq(Shared::lend(&none), Shared::lend(&key())), 1);
}

#[test]
fn a_certificate_without_a_key_shows_none() {
    assert!(shown_key(&X509_new().expect("enough memory")).is_none());
}

#[test]
fn two_owners_of_a_stream_see_the_same_bytes() {
    let writer = BIO_new(BIO_s_mem()).expect("enough memory");
    let reader = writer.clone();
    // SAFETY: two bytes.
    let written = unsafe { BIO_write(Shared::lend(&writer), b"ok".as_ptr().cast(), 2) };
    drop(writer);
    let mut bytes = [0; 2];
    // SAFETY: room for two bytes.
    let read = unsafe { BIO_read(Shared::lend(&reader), bytes.as_mut_ptr().cast(), 2) };
    assert_eq!((written, read, &bytes), (2, 2, b"ok"));
}
