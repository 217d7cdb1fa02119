//! A plugin on libloading alone: a C function. Nothing checks that the host has the same structs
//! and calls the function correctly.

/// A request. The pointers are borrowed for the call.
#[repr(C)]
pub struct Image {
    pub name: *const u8,
    pub name_len: usize,
    pub width: u32,
    pub pixels: *const u8,
    pub pixels_len: usize,
}

/// A reply. The plugin owns the finding; return it with `free_report`.
#[repr(C)]
pub struct Report {
    pub finding: *mut u8,
    pub finding_len: usize,
    pub n_bytes: usize,
}

/// Inspects an image.
///
/// # Safety
///
/// The pointers of `image` must point to as many bytes as its lengths state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scan(image: *const Image) -> Report {
    // SAFETY: guaranteed by the caller.
    let (image, name) = unsafe {
        let image = &*image;
        (image, std::slice::from_raw_parts(image.name, image.name_len))
    };
    let finding = Box::leak(name.to_vec().into_boxed_slice());
    let (finding, finding_len) = (finding.as_mut_ptr(), finding.len());
    Report { finding, finding_len, n_bytes: image.pixels_len }
}

/// Frees a report.
///
/// # Safety
///
/// It was returned by `scan` and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_report(report: Report) {
    // SAFETY: guaranteed by the caller.
    drop(unsafe {
        Box::from_raw(std::ptr::slice_from_raw_parts_mut(report.finding, report.finding_len))
    });
}
