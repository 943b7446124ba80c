(* The part that Coq does not prove: bytes to words and characters, SHA-256, rounding for print. *)
module Zarith = Z
open Kernel
module Z = Zarith

let text s = List.init (String.length s) (String.get s)
let native l = let b = Buffer.create 4096 in List.iter (Buffer.add_char b) l; Buffer.contents b

(* a decimal of 17 digits that is at most x = num 2^dex (down), or at least x *)
let shown down { num; dex } =
  let e = Z.to_int dex in
  let x = if e >= 0 then Q.of_bigint (Z.shift_left num e) else Q.make num (Z.shift_left Z.one (-e)) in
  if Q.sign x = 0 then "0" else
  let ten k = if k >= 0 then Q.of_bigint (Z.pow (Z.of_int 10) k)
    else Q.inv (Q.of_bigint (Z.pow (Z.of_int 10) (-k))) in
  let rec power k = (* 10^16 <= |x| 10^k < 10^17 *)
    let y = Q.mul (Q.abs x) (ten k) in
    if Q.lt y (ten 16) then power (k + 1) else if Q.geq y (ten 17) then power (k - 1) else k in
  let near = int_of_float (Float.of_int (Z.numbits num + e) *. 0.30103) in
  let k = power (16 - near) in
  let y = Q.mul x (ten k) in
  let z = if down then Z.fdiv (Q.num y) (Q.den y) else Z.cdiv (Q.num y) (Q.den y) in
  let digits = Z.to_string (Z.abs z) in
  let exponent = String.length digits - 1 - k in
  let point = if 0 <= exponent && exponent < 16 then exponent + 1 else 1 in
  let rest = String.sub digits point (String.length digits - point) in
  Printf.sprintf "%s%s.%s%s" (if Z.sign z < 0 then "-" else "") (String.sub digits 0 point) rest
    (if point = exponent + 1 then "" else Printf.sprintf "e%d" exponent)

let exits = function Certified -> 0 | Refuted -> 10 | Undecided -> 12 | RankLimited -> 14

(* the exit status and the line about a file *)
let asked path =
  let file = In_channel.with_open_bin path In_channel.input_all in
  let size = String.length file in
  let long = if size < 8 then -1L else String.get_int64_le file 0 in
  if Int64.compare long 2L < 0 || Int64.compare long (Int64.of_int (size - 8)) > 0 then
    (20, "NOT VERIFIED  file: not a certificate") else
  let start = 8 + Int64.to_int long in let body = size - start in
  if size > 100_000 then Gc.set { (Gc.get ()) with minor_heap_size = 4_000_000 };
  if body mod 4 <> 0 then (20, "NOT VERIFIED  file: trailing") else
  let rec words at rest = if at < start then rest else
    words (at - 4) (Z.of_int (Int32.to_int (String.get_int32_le file at) land 0xffffffff) :: rest) in
  let sha prefix a b =
    let a = Z.to_int a and b = Z.to_int b in
    text (Sha256.to_hex (Sha256.string (native prefix ^ String.sub file (start + a) (b - a)))) in
  match answer sha (text (String.sub file 8 (start - 8))) (words (size - 4) []) with
  | Ok (((lower, upper), v), told) ->
    (exits v, Printf.sprintf "VERIFIED %s  %s <= optimum, candidate <= %s\nof %s  by the proved checker"
      (native (word v)) (shown true lower) (shown false upper) (native told))
  | Rejected why -> (20, "NOT VERIFIED  " ^ native why)
  | NotCovered what -> (3, "NOT COVERED  " ^ native what)
let told path = try asked path with
  | Sys_error why -> (20, "NOT VERIFIED  " ^ why)
  | why -> (20, "NOT VERIFIED  " ^ Printexc.to_string why)

let () =
  Gc.set { (Gc.get ()) with space_overhead = 400 };
  match Sys.argv with
  | [| _; "-" |] -> (* a path a line: the status before the answer *)
    In_channel.fold_lines (fun () path ->
      let status, line = told path in Printf.printf "%d %s\n%!" status line) () stdin
  | [| _; path |] -> let status, line = told path in print_endline line; exit status
  | _ -> print_endline "NOT VERIFIED  arguments: usage: CERTIFICATE"; exit 20
