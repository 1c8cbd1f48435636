//! The functions of the C unwinder as they are where nothing unwinds: a panic aborts.
//!
//! The standard library calls them to print a backtrace, and in code that would run while a panic unwinds.
//! LLVM's bring 65 KB, and what prints their frames 200 KB that read debug information, in a binary that has
//! none. From these the optimizer sees that there never is a frame, and leaves all of that out (errors print
//! backtraces too: see `build/anyhow`). A panic still says what and where, and aborts.
//!
//! Signatures: Itanium C++ ABI, exception handling, level I; those that gcc added are in its `unwind.h`.

#![expect(unsafe_code, reason = "to define a symbol is called unsafe; the functions do nothing that is")]

use std::ffi::{c_int, c_void};
use std::process::abort;

type Pointer = *mut c_void;

/// `_URC_END_OF_STACK`.
const END_OF_STACK: c_int = 5;

/// Calls `trace` for each frame: for none.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_trace: Pointer, _argument: Pointer) -> c_int {
    END_OF_STACK
}

/// Defines functions that are called only while something unwinds.
macro_rules! never_called {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(#[unsafe(no_mangle)] extern "C" fn $name($(_: $argument),*) -> $result { abort() })*
    };
}

never_called! {
    _Unwind_RaiseException(Pointer) -> c_int;
    _Unwind_Resume(Pointer) -> !;
    _Unwind_DeleteException(Pointer) -> ();
    _Unwind_GetLanguageSpecificData(Pointer) -> Pointer;
    _Unwind_GetRegionStart(Pointer) -> usize;
    _Unwind_GetTextRelBase(Pointer) -> usize;
    _Unwind_GetDataRelBase(Pointer) -> usize;
    _Unwind_GetIP(Pointer) -> usize;
    _Unwind_GetIPInfo(Pointer, *mut c_int) -> usize;
    _Unwind_GetCFA(Pointer) -> usize;
    _Unwind_SetGR(Pointer, c_int, usize) -> ();
    _Unwind_SetIP(Pointer, usize) -> ();
    _Unwind_FindEnclosingFunction(Pointer) -> Pointer;
}
