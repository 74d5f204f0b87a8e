//! The allocator of functions. Until a function is set up, what it frees becomes zeros, because what its memory is then
//! is baked: zeros take no room in a component, and are the same whatever was there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The standard allocator, which forgets what it frees while a function is set up.
pub struct Forgetful;

static IS_SET_UP: AtomicBool = AtomicBool::new(false);

/// Ends the set-up.
pub fn set_up() {
    IS_SET_UP.store(true, Relaxed);
}

// SAFETY: every block comes from `System` and goes back to it with its own layout; it is written to only between.
unsafe impl GlobalAlloc for Forgetful {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises; the block is still ours when it is written to.
        unsafe {
            if !IS_SET_UP.load(Relaxed) {
                block.write_bytes(0, layout.size());
                // Writing to what is freed next has no effect that a compiler would have to keep.
                black_box(block);
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises: `size` is not 0, and fits the alignment.
        unsafe {
            if IS_SET_UP.load(Relaxed) {
                return System.realloc(block, layout, size);
            }
            let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
