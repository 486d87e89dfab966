//! OpenSSL: its own allocator with a file and a line, encodings, secrets, reference counts.

use core::ffi::{c_char, c_int, c_long, c_uchar, c_void};
use core::ptr::{self, NonNull};
use malloc_safe::{
    Deallocator, NulTerminated, Opaque, Owned, RawPartsError, RefCounted, Shared, deallocator, out,
};
use std::process;

enum NumberTag {}
enum KeyTag {}
enum CertificateTag {}
enum StreamTag {}
type Number = Opaque<NumberTag>;
type Key = Opaque<KeyTag>;
type Certificate = Opaque<CertificateTag>;
type Stream = Opaque<StreamTag>;

deallocator! {
    /// What the macro `OPENSSL_free` stands for.
    struct CryptoFree(c_void) = |block| {
        // SAFETY: the owner hands over a live block of OpenSSL's.
        unsafe { CRYPTO_free(block, c"openssl.rs".as_ptr(), 1) }
    };
}
deallocator! { struct FreeNumber(Number) = BN_free; }
deallocator! { struct FreeKey(Key) = EVP_PKEY_free; }
deallocator! { struct FreeCertificate(Certificate) = X509_free; }
deallocator! { struct FreeStream(Stream) = BIO_free; }

/// Overwrites a secret with zeros, then frees it.
struct ClearFree;

// SAFETY: CRYPTO_clear_free takes a block of OpenSSL's and its length, which a slice knows; of one
// released as a slice of length 0 it clears nothing. It is right whatever the bytes are.
unsafe impl Deallocator<[u8]> for ClearFree {
    unsafe fn deallocate(ptr: NonNull<[u8]>) {
        // SAFETY: the caller hands over a live block of so many bytes.
        unsafe { CRYPTO_clear_free(ptr.as_ptr().cast(), ptr.len(), c"openssl.rs".as_ptr(), 1) }
    }
}

/// An `…_up_ref` reports a count that is no longer positive.
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
    fn BN_set_word(number: *mut Number, value: u64) -> c_int;
    fn BN_bn2hex(number: *const Number) -> Option<Owned<NulTerminated<c_char>, CryptoFree>>;
    fn EVP_PKEY_new_raw_private_key(
        kind: c_int,
        engine: *mut c_void,
        secret: *const c_uchar,
        length: usize,
    ) -> Option<Shared<Key, FreeKey>>;
    fn EVP_PKEY_up_ref(key: *mut Key) -> c_int;
    fn EVP_PKEY_free(key: *mut Key);
    fn EVP_PKEY_eq(one: *const Key, other: *const Key) -> c_int;
    fn i2d_PUBKEY(key: *const Key, out: *mut *mut c_uchar) -> c_int;
    fn d2i_PUBKEY(
        out: *mut *mut Key,
        bytes: *mut *const c_uchar,
        length: c_long,
    ) -> Option<Shared<Key, FreeKey>>;
    fn i2d_PrivateKey(key: *const Key, out: *mut *mut c_uchar) -> c_int;
    safe fn X509_new() -> Option<Shared<Certificate, FreeCertificate>>;
    fn X509_up_ref(certificate: *mut Certificate) -> c_int;
    fn X509_free(certificate: *mut Certificate);
    fn X509_set_pubkey(certificate: *mut Certificate, key: *mut Key) -> c_int;
    fn X509_get0_pubkey(certificate: *const Certificate) -> *mut Key;
    fn X509_get_pubkey(certificate: *mut Certificate) -> Option<Shared<Key, FreeKey>>;
    fn X509_get_version(certificate: *const Certificate) -> c_long;
    fn X509_set_version(certificate: *mut Certificate, version: c_long) -> c_int;
    fn i2d_X509(certificate: *const Certificate, out: *mut *mut c_uchar) -> c_int;
    safe fn BIO_s_mem() -> *const c_void;
    fn BIO_new(method: *const c_void) -> Option<Shared<Stream, FreeStream>>;
    fn BIO_up_ref(stream: *mut Stream) -> c_int;
    fn BIO_free(stream: *mut Stream) -> c_int;
    fn BIO_write(stream: *mut Stream, from: *const c_void, length: c_int) -> c_int;
    fn BIO_read(stream: *mut Stream, to: *mut c_void, length: c_int) -> c_int;
}

const ED25519: c_int = 1087;

fn key() -> Shared<Key, FreeKey> {
    // SAFETY: a kind of key whose secret has 32 bytes, and no engine.
    let key =
        unsafe { EVP_PKEY_new_raw_private_key(ED25519, ptr::null_mut(), [7; 32].as_ptr(), 32) };
    key.expect("enough memory")
}

/// What an `i2d_…` function stores and returns: a block and its length, or nothing and a status.
///
/// # Safety
///
/// `encode` does so.
unsafe fn encoded<D: Deallocator<[u8]>>(
    encode: impl FnOnce(*mut *mut c_uchar) -> c_int,
) -> (c_int, Result<Owned<[u8], D>, RawPartsError<u8, D>>) {
    // SAFETY: the caller says so.
    unsafe {
        out::slice(|bytes, length| {
            let status = encode(bytes);
            *length = usize::try_from(status).unwrap_or(0);
            status
        })
    }
}

#[test]
fn a_number_in_hexadecimal_is_freed_with_a_file_and_a_line() {
    let number = BN_new().expect("enough memory");
    // SAFETY: a live number.
    assert_eq!(unsafe { BN_set_word(Owned::as_ptr(&number), 0xC0FFEE) }, 1);
    // SAFETY: a live number.
    let hex = unsafe { BN_bn2hex(Owned::as_ptr(&number)) };
    assert_eq!(hex.expect("enough memory").to_str(), Ok("C0FFEE"));
}

#[test]
fn an_encoding_is_a_pointer_and_a_length() {
    let key = key();
    // SAFETY: the function allocates, as the place holds NULL.
    let (length, bytes) =
        unsafe { encoded::<CryptoFree>(|out| i2d_PUBKEY(Shared::as_ptr(&key), out)) };
    let bytes = bytes.expect("a pointer and its length");
    assert_eq!((length, bytes.len()), (44, 44));

    let mut rest = bytes.as_ptr();
    // SAFETY: a place that moves along the bytes, and how many there are.
    let read = unsafe { d2i_PUBKEY(ptr::null_mut(), &raw mut rest, 44) }.expect("as written");
    // SAFETY: two live keys.
    assert_eq!(
        unsafe { EVP_PKEY_eq(Shared::as_ptr(&key), Shared::as_ptr(&read)) },
        1
    );
}

#[test]
fn bytes_that_encode_nothing_are_no_key() {
    let garbage = [0xFF_u8; 4];
    let mut rest = garbage.as_ptr();
    // SAFETY: a place that moves along the bytes, and how many there are.
    assert!(unsafe { d2i_PUBKEY(ptr::null_mut(), &raw mut rest, 4) }.is_none());
}

#[test]
fn what_cannot_be_encoded_is_a_status_and_no_bytes() {
    let unsigned = X509_new().expect("enough memory");
    // SAFETY: the function allocates, as the place holds NULL.
    let (status, bytes) =
        unsafe { encoded::<CryptoFree>(|out| i2d_X509(Shared::as_ptr(&unsigned), out)) };
    assert!(status < 0);
    assert!(bytes.expect("NULL and 0").is_empty());
}

#[test]
fn a_secret_is_cleared_and_freed_with_its_length() {
    let key = key();
    // SAFETY: the function allocates, as the place holds NULL.
    let (length, secret) =
        unsafe { encoded::<ClearFree>(|out| i2d_PrivateKey(Shared::as_ptr(&key), out)) };
    let secret = secret.expect("a pointer and its length");
    assert_eq!((length, secret.len()), (48, 48));
    assert!(secret.ends_with(&[7; 32]));
}

#[test]
fn a_certificate_lives_until_its_last_reference() {
    let one = X509_new().expect("enough memory");
    let two = one.clone();
    // SAFETY: a live certificate.
    assert_eq!(unsafe { X509_set_version(Shared::as_ptr(&one), 2) }, 1);
    drop(one);
    // SAFETY: a live certificate, of which `two` holds a reference.
    assert_eq!(unsafe { X509_get_version(Shared::as_ptr(&two)) }, 2);
}

#[test]
fn a_key_outlives_the_certificate_that_it_was_got_from() {
    let certificate = X509_new().expect("enough memory");
    // SAFETY: both are live; the certificate adds a reference of its own.
    assert_eq!(
        unsafe { X509_set_pubkey(Shared::as_ptr(&certificate), Shared::as_ptr(&key())) },
        1
    );
    // SAFETY: a live certificate; the reference is the caller's (transfer full).
    let full = unsafe { X509_get_pubkey(Shared::as_ptr(&certificate)) }.expect("it was set");
    // SAFETY: the certificate keeps the key alive (transfer none) while a reference is added.
    let kept =
        unsafe { Shared::<_, FreeKey>::retain(X509_get0_pubkey(Shared::as_ptr(&certificate))) };
    let kept = kept.expect("it was set");
    drop(certificate);
    assert!(Shared::ptr_eq(&full, &kept));
    drop(full);
    // SAFETY: two live keys.
    assert_eq!(
        unsafe { EVP_PKEY_eq(Shared::as_ptr(&kept), Shared::as_ptr(&key())) },
        1
    );
}

#[test]
fn a_certificate_without_a_key_shows_none() {
    let certificate = X509_new().expect("enough memory");
    // SAFETY: a live certificate; NULL is allowed.
    let key =
        unsafe { Shared::<_, FreeKey>::retain(X509_get0_pubkey(Shared::as_ptr(&certificate))) };
    assert!(key.is_none());
}

#[test]
fn two_owners_of_a_stream_see_the_same_bytes() {
    // SAFETY: a method that lives as long as the program.
    let writer = unsafe { BIO_new(BIO_s_mem()) }.expect("enough memory");
    let reader = writer.clone();
    // SAFETY: a live stream and two bytes.
    assert_eq!(
        unsafe { BIO_write(Shared::as_ptr(&writer), b"ok".as_ptr().cast(), 2) },
        2
    );
    drop(writer);
    let mut bytes = [0; 2];
    // SAFETY: a live stream and room for two bytes.
    assert_eq!(
        unsafe { BIO_read(Shared::as_ptr(&reader), bytes.as_mut_ptr().cast(), 2) },
        2
    );
    assert_eq!(&bytes, b"ok");
}
