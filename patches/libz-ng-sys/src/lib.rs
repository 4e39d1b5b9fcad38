//! zlib's C interface as flate2 expects it from libz-ng-sys, implemented by zlib-rs.
//!
//! pingora-core turns on `flate2/zlib-ng`, whose C library is built with CMake. A newcomer's
//! machine has a Rust toolchain and a C compiler but often no CMake, so the Rust implementation of the
//! same functions takes that place. casgate compresses archives with it (`transfer::graph`).
//!
//! The two interfaces differ in one type: zlib-rs declares the allocator functions of [`z_stream`]
//! as `Option<fn>`, libz-ng-sys as `fn`. Both have the layout of a C function pointer, so a pointer
//! to one struct is a pointer to the other; the assertion below holds the sizes to that.
#![no_std]
#![allow(non_camel_case_types, non_snake_case)]

use core::ffi::{c_char, c_int};

pub use libz_rs_sys::{
    Bytef, Z_BLOCK, Z_BUF_ERROR, Z_DATA_ERROR, Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH,
    Z_FULL_FLUSH, Z_MEM_ERROR, Z_NEED_DICT, Z_NO_FLUSH, Z_OK, Z_PARTIAL_FLUSH, Z_STREAM_END,
    Z_STREAM_ERROR, Z_SYNC_FLUSH, internal_state, uInt, uLong, uLongf, voidpf, zlibVersion,
};

pub type z_size = uLong;
pub type z_checksum = uLong;
pub type alloc_func = unsafe extern "C" fn(voidpf, uInt, uInt) -> voidpf;
pub type free_func = unsafe extern "C" fn(voidpf, voidpf);

/// `z_stream` of zlib.h.
#[repr(C)]
#[derive(Copy, Clone)]
pub struct z_stream {
    pub next_in: *mut Bytef,
    pub avail_in: uInt,
    pub total_in: z_size,
    pub next_out: *mut Bytef,
    pub avail_out: uInt,
    pub total_out: z_size,
    pub msg: *mut c_char,
    pub state: *mut internal_state,
    pub zalloc: alloc_func,
    pub zfree: free_func,
    pub opaque: voidpf,
    pub data_type: c_int,
    pub adler: z_checksum,
    pub reserved: uLong,
}

pub type z_streamp = *mut z_stream;

const _: () = assert!(size_of::<z_stream>() == size_of::<libz_rs_sys::z_stream>());
const _: () = assert!(align_of::<z_stream>() == align_of::<libz_rs_sys::z_stream>());

/// Forwards functions of zlib.h to zlib-rs.
macro_rules! forward {
    ($(fn $name:ident($($argument:ident: $type:ty),*);)*) => {$(
        /// The function of the same name in zlib.h.
        ///
        /// # Safety
        /// As zlib.h says: the stream and whatever it points to must be valid.
        pub unsafe extern "C" fn $name(stream: z_streamp $(, $argument: $type)*) -> c_int {
            // SAFETY: same promise from the caller, same layout of the struct (see above).
            unsafe { libz_rs_sys::$name(stream.cast() $(, $argument)*) }
        }
    )*};
}

forward! {
    fn deflate(flush: c_int);
    fn deflateEnd();
    fn deflateReset();
    fn deflateParams(level: c_int, strategy: c_int);
    fn deflateSetDictionary(dictionary: *const Bytef, length: uInt);
    fn deflateInit2_(level: c_int, method: c_int, window_bits: c_int, memory_level: c_int,
        strategy: c_int, version: *const c_char, stream_size: c_int);
    fn inflate(flush: c_int);
    fn inflateEnd();
    fn inflateReset2(window_bits: c_int);
    fn inflateSetDictionary(dictionary: *const Bytef, length: uInt);
    fn inflateInit2_(window_bits: c_int, version: *const c_char, stream_size: c_int);
}
