;; A component that reports how many bytes an image has. It is written by hand, and so has no
;; language runtime in it: a component of a compiler is larger and no faster.
(component
  (core module $code
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    ;; Allocates at the top of the memory; a call that ends frees everything.
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (local $start i32)
      (local $lacking i32)
      (local.set $start (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $start) (local.get $size)))
      (local.set $lacking
        (i32.sub
          (i32.shr_u (i32.add (global.get $top) (i32.const 65535)) (i32.const 16))
          (memory.size)))
      (if (i32.gt_s (local.get $lacking) (i32.const 0))
        (then (drop (memory.grow (local.get $lacking)))))
      (local.get $start))
    (func (export "scan")
      (param $name i32) (param $name_len i32) (param $width i32)
      (param $pixels i32) (param $pixels_len i32) (result i32)
      (global.set $top (i32.const 1024))
      (local.get $pixels_len)))
  (core instance $instance (instantiate $code))
  (func (export "scan")
    (param "name" string) (param "width" u32) (param "pixels" (list u8)) (result u32)
    (canon lift (core func $instance "scan")
      (memory (core memory $instance "memory"))
      (realloc (core func $instance "realloc")))))
