//! The whole Rust part. rustc exports only Rust items from a cdylib, so this function forwards to the
//! C++ module's initialiser.
#![no_std]
use core::ffi::c_void;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

extern "C" {
    /// `bindings/python_module.cc`; returns a new reference to the module, or null with a Python
    /// error set.
    fn raydp_native_pyinit() -> *mut c_void;
}

/// # Safety
/// Only Python's import machinery calls this, with the GIL held.
#[no_mangle]
pub unsafe extern "C" fn PyInit__native() -> *mut c_void {
    raydp_native_pyinit()
}
