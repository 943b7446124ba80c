(* From the bytes of a certificate to the question and its proof.

   The bytes come as the text of the header and the body as little-endian words of 32 bits; `sha p
   a b` is the SHA-256, in hexadecimal, of the text p and the bytes a..b of the body.  The theorem
   holds for any function in its place: digests protect a file, no bound rests on them.

   JSON is read strictly: a text that does not print again as the same bytes is not covered. *)

From Coq Require Import ZArith String Ascii List.
From Checker Require Import Words Checker Packed.

Import ListNotations.
Local Open Scope bool_scope.
Local Open Scope string_scope.
Local Open Scope Z_scope.

Inductive result (T : Type) := Ok (x : T) | Rejected (why : string) | NotCovered (why : string).
Arguments Ok {T}. Arguments Rejected {T}. Arguments NotCovered {T}.

Definition bind {S T} (x : result S) (f : S -> result T) : result T :=
  match x with Ok a => f a | Rejected w => Rejected w | NotCovered w => NotCovered w end.
Notation "'let*' p ':=' x 'in' f" := (bind x (fun p => f)) (at level 200, p pattern, right associativity).
Definition demand (b : bool) (why : string) : result unit := if b then Ok tt else Rejected why.
Definition covered (b : bool) (what : string) : result unit := if b then Ok tt else NotCovered what.
Definition known {T} (x : option T) (what : string) : result T :=
  match x with Some a => Ok a | None => NotCovered what end.

(* JSON: objects, lists, texts of printable ASCII, natural numbers, true, false *)
Inductive json :=
| Obj (fields : list (string * json)) | Lst (items : list json)
| Str (text : string) | Nat_ (number : Z) | True_ | False_.

Definition quote := """"%char.
Definition printable (c : ascii) : bool :=  (* from 32 to 126 *)
  match c with Ascii a0 a1 a2 a3 a4 a5 a6 a7 =>
    (a5 || a6) && negb a7 && negb (a0 && a1 && a2 && a3 && a4 && a5 && a6) end.
Definition low_bits (a0 a1 a2 a3 : bool) : Z :=
  (if a0 then 1 else 0) + (if a1 then 2 else 0) + (if a2 then 4 else 0) + (if a3 then 8 else 0).
Definition digit_of (c : ascii) : option Z :=
  match c with Ascii a0 a1 a2 a3 a4 a5 a6 a7 =>
    let z := low_bits a0 a1 a2 a3 in
    if a4 && a5 && negb (a6 || a7) && (z <=? 9) then Some z else None end.

Definition digit (d : Z) : ascii := ascii_of_N (Z.to_N (48 + d)).
Fixpoint decimal (fuel : nat) (z : Z) (rest : string) : string :=
  match fuel with
  | O => rest
  | S k => let s := String (digit (z mod 10)) rest in if z <? 10 then s else decimal k (z / 10) s
  end.

Definition joined (comma : string) (l : list string) : string := String.concat comma l.

(* a text, and a value, with what stands behind it *)
Fixpoint escaped (s rest : string) : string :=
  match s with
  | "" => String quote rest
  | String c t => if (c =? quote)%char || (c =? "\")%char
                  then String "\" (String c (escaped t rest)) else String c (escaped t rest)
  end.
Fixpoint printed (comma colon : string) (j : json) (rest : string) : string :=
  match j with
  | Str s => String quote (escaped s rest)
  | Nat_ z => decimal 30 z rest
  | True_ => "true" ++ rest
  | False_ => "false" ++ rest
  | Lst l => String "[" ((fix items l := match l with
      | [] => String "]" rest
      | v :: t => printed comma colon v (match t with [] => String "]" rest | _ => comma ++ items t end)
      end) l)
  | Obj l => String "{" ((fix members l := match l with
      | [] => String "}" rest
      | (k, v) :: t => String quote (escaped k (colon ++
          printed comma colon v (match t with [] => String "}" rest | _ => comma ++ members t end)))
      end) l)
  end.

Fixpoint literal (s : string) : option (string * string) :=  (* up to the closing quote *)
  match s with
  | "" => None
  | String c t =>
    if (c =? quote)%char then Some ("", t)
    else if (c =? "\")%char then
      match t with
      | String e t' => match literal t' with Some (a, r) => Some (String e a, r) | None => None end
      | "" => None
      end
    else if printable c then
      match literal t with Some (a, r) => Some (String c a, r) | None => None end
    else None
  end.

Fixpoint natural (z : Z) (s : string) : Z * string :=
  match s with
  | String c t => match digit_of c with Some d => natural (10 * z + d) t | None => (z, s) end
  | "" => (z, s)
  end.

Fixpoint spaces (s : string) : string :=
  match s with String c t => if (c =? " ")%char then spaces t else s | "" => s end.

Fixpoint value_ (fuel : nat) (s : string) : option (json * string) :=
  match fuel, spaces s with
  | S k, String c t =>
    if (c =? quote)%char then match literal t with Some (a, r) => Some (Str a, r) | None => None end
    else if (c =? "{")%char then
      match spaces t with
      | String d r => if (d =? "}")%char then Some (Obj [], r) else
          match members k t with Some (l, r) => Some (Obj l, r) | None => None end
      | "" => None
      end
    else if (c =? "[")%char then
      match spaces t with
      | String d r => if (d =? "]")%char then Some (Lst [], r) else
          match items_ k t with Some (l, r) => Some (Lst l, r) | None => None end
      | "" => None
      end
    else if match digit_of c with Some _ => true | None => false end then
      let (z, r) := natural 0 (String c t) in Some (Nat_ z, r)
    else if prefix "true" (String c t) then Some (True_, substring 4 (String.length t) (String c t))
    else if prefix "false" (String c t) then Some (False_, substring 5 (String.length t) (String c t))
    else None
  | _, _ => None
  end
with members (fuel : nat) (s : string) : option (list (string * json) * string) :=
  match fuel, spaces s with
  | S k, String c t =>
    if (c =? quote)%char then
      match literal t with
      | Some (name, u) =>
        match spaces u with
        | String d w =>
          if (d =? ":")%char then
            match value_ k w with
            | Some (v, r) =>
              match spaces r with
              | String e r' =>
                if (e =? ",")%char then
                  match members k r' with Some (l, z) => Some ((name, v) :: l, z) | None => None end
                else if (e =? "}")%char then Some ([(name, v)], r') else None
              | "" => None
              end
            | None => None
            end
          else None
        | "" => None
        end
      | None => None
      end
    else None
  | _, _ => None
  end
with items_ (fuel : nat) (s : string) : option (list json * string) :=
  match fuel with
  | S k =>
    match value_ k s with
    | Some (v, r) =>
      match spaces r with
      | String e r' =>
        if (e =? ",")%char then
          match items_ k r' with Some (l, z) => Some (v :: l, z) | None => None end
        else if (e =? "]")%char then Some ([v], r') else None
      | "" => None
      end
    | None => None
    end
  | O => None
  end.

(* the value whose print, with spaces behind it, is the text; no key twice *)
Fixpoint distinct (l : list string) : bool :=
  match l with [] => true | x :: t => negb (existsb (String.eqb x) t) && distinct t end.
Fixpoint plain (j : json) : bool :=
  match j with
  | Obj l => distinct (map fst l) && forallb (fun f => match f with (_, v) => plain v end) l
  | Lst l => forallb plain l
  | _ => true
  end.
Definition parsed (comma colon s : string) : result json :=
  match value_ (S (String.length s)) s with
  | Some (j, r) =>
    if (printed comma colon j r =? s)%string && (spaces r =? "")%string && plain j
    then Ok j else NotCovered "another spelling of JSON"
  | None => NotCovered "JSON"
  end.

Definition canonical (j : json) : string := printed ", " ": " j "".

Definition fields_of (j : json) : list (string * json) := match j with Obj l => l | _ => [] end.
Fixpoint find (k : string) (l : list (string * json)) : option json :=
  match l with [] => None | (n, v) :: t => if (n =? k)%string then Some v else find k t end.
Definition field (j : json) (k : string) : result json := known (find k (fields_of j)) k.
Definition text (j : json) (k : string) : result string :=
  match find k (fields_of j) with Some (Str s) => Ok s | _ => NotCovered k end.
Definition one_of (names : list string) (k : string) : bool := existsb (String.eqb k) names.
Definition only (j : json) (names : list string) (where_ : string) : result unit :=
  covered (match j with Obj l => forallb (one_of names) (map fst l) | _ => false end) where_.
Fixpoint numbers (l : list json) : result (list Z) :=
  match l with
  | [] => Ok []
  | Nat_ z :: t => let* r := numbers t in Ok (z :: r)
  | _ => NotCovered "a list of numbers"
  end.
Definition naturals (j : json) (k : string) : result (list Z) :=
  match find k (fields_of j) with Some (Lst l) => numbers l | _ => NotCovered k end.

(* arrays: their place in the body, and its words *)
Record arr := Arr { name : string; dtype : string; dims : list Z; start : Z; stop : Z; words : list Z }.

Definition product (l : list Z) : Z := fold_right Z.mul 1 l.

Fixpoint cut {T} (k : Z) (l : list T) : list T * list T :=
  match l with
  | [] => ([], [])
  | x :: t => if k <=? 0 then ([], l) else let (a, b) := cut (k - 1) t in (x :: a, b)
  end.

Fixpoint arrays_of (entries : list (string * json)) (at_ : Z) (body : list Z) : result (list arr) :=
  match entries with
  | [] => let* _ := demand (match body with [] => true | _ => false end) "file: trailing" in Ok []
  | (n, e) :: rest =>
    let* _ := only e ["dtype"; "shape"; "data_offsets"] n in
    let* d := text e "dtype" in
    let* s := naturals e "shape" in
    let* span := naturals e "data_offsets" in
    let* _ := covered (one_of ["F64"; "F32"; "I64"] d) d in
    let width := if (d =? "F32")%string then 4 else 8 in
    match span with
    | [a; b] =>
      let* _ := demand (a =? at_) "file: offsets" in
      let* _ := demand (b - a =? width * product s) "file: shape" in
      let k := (b - a) / 4 in
      let (mine, others) := cut k body in
      let* _ := demand (Z.of_nat (List.length mine) =? k) "file: truncated" in
      let* more := arrays_of rest b others in
      Ok (Arr n d s a b mine :: more)
    | _ => NotCovered "data_offsets"
    end
  end.

Fixpoint lookup (l : list arr) (n : string) : option arr :=
  match l with [] => None | a :: t => if (name a =? n)%string then Some a else lookup t n end.

(* IEEE 754: an integer times a power of two, None if not finite.  `top` is the sign and the
   exponent, f the fraction in units of 2^-places, unit_ = 2^places; there are `size` exponents,
   and `bias` makes an integer of the fraction, too.  The constants have names, so that the program
   computes them once. *)
Definition two_to_20 : Z := Eval compute in 2 ^ 20.
Definition two_to_23 : Z := Eval compute in 2 ^ 23.
Definition two_to_30 : Z := Eval compute in 2 ^ 30.
Definition two_to_32 : Z := Eval compute in 2 ^ 32.
Definition two_to_52 : Z := Eval compute in 2 ^ 52.
Definition c150 : Z := 150.
Definition c256 : Z := 256.
Definition c1075 : Z := 1075.
Definition c2048 : Z := 2048.

Definition float (unit_ size bias top f : Z) : option (Z * Z) :=
  let negative := size <=? top in
  let e := if negative then top - size else top in
  if e + 1 =? size then None else
  let m := if e =? 0 then f else f + unit_ in
  Some (if negative then - m else m, (if e =? 0 then 1 else e) - bias).

Fixpoint doubles (l : list Z) : option (list (Z * Z)) :=
  match l with
  | lo :: hi :: t =>
    let top := hi / two_to_20 in
    match float two_to_52 c2048 c1075 top ((hi - top * two_to_20) * two_to_32 + lo), doubles t with
    | Some x, Some r => Some (x :: r)
    | _, _ => None
    end
  | [] => Some []
  | _ => None
  end.
Fixpoint singles (l : list Z) : option (list (Z * Z)) :=
  match l with
  | w :: t =>
    let top := w / two_to_23 in
    match float two_to_23 c256 c150 top (w - top * two_to_23), singles t with
    | Some x, Some r => Some (x :: r)
    | _, _ => None
    end
  | [] => Some []
  end.
Fixpoint integers (l : list Z) : option (list Z) :=  (* natural numbers below 2^62 *)
  match l with
  | lo :: hi :: t =>
    if hi <? two_to_30 then
      match integers t with Some r => Some (hi * two_to_32 + lo :: r) | None => None end
    else None
  | [] => Some []
  | _ => None
  end.

Fixpoint whole_numbers (l : list Z) : option (list Z) :=  (* or -1 *)
  match l with
  | lo :: hi :: t =>
    let minus := (lo =? two_to_32 - 1) && (hi =? two_to_32 - 1) in
    match (if minus then Some [-1] else integers [lo; hi]), whole_numbers t with
    | Some x, Some r => Some (x ++ r)%list
    | _, _ => None
    end
  | [] => Some []
  | _ => None
  end.

Fixpoint lowest (e : option Z) (l : list (Z * Z)) : option Z :=
  match l with
  | [] => e
  | (m, x) :: t => lowest (if m =? 0 then e else
      match e with Some y => Some (Z.min x y) | None => Some x end) t
  end.
Definition on_grid (l : list (Z * Z)) : list Z * Z :=
  let e := match lowest None l with Some e => e | None => 0 end in
  (map (fun p => match p with (m, x) => if m =? 0 then 0 else Z.shiftl m (x - e) end) l, e).

Fixpoint same (a b : list Z) : bool :=
  match a, b with
  | [], [] => true
  | x :: s, y :: t => (x =? y) && same s t
  | _, _ => false
  end.

(* an array of floats of a given shape; singles in the proof only *)
Definition floats (l : list arr) (n : string) (shape : list Z) : result (list Z * Z) :=
  let* a := known (lookup l n) n in
  let* _ := demand (same (dims a) shape) n in
  let* _ := demand ((dtype a =? "F64")%string || (dtype a =? "F32")%string && prefix "proof." n) n in
  match (if (dtype a =? "F64")%string then doubles (words a) else singles (words a)) with
  | Some x => Ok (on_grid x)
  | None => Rejected (n ++ ": finite")
  end.

Fixpoint chop {T} (m : nat) (n : Z) (l : list T) : list (list T) :=
  match m with O => [] | S k => let (a, b) := cut n l in a :: chop k n b end.
Fixpoint triangle (m : nat) (n : Z) (l : list Z) : list (list Z) :=
  match m with O => [] | S k => let (a, b) := cut n l in a :: triangle k (n + 1) b end.

Definition matrix (l : list arr) (n : string) (rows cols : Z) : result grid :=
  let* (x, e) := floats l n [rows; cols] in Ok (Grid (chop (Z.to_nat rows) cols x) e).

(* observed entries as numbers in row-major order, rising; all of them if there is no list *)
Fixpoint places (m n last : Z) (rows cols : list Z) : result (list Z) :=
  match rows, cols with
  | [], [] => Ok []
  | i :: s, j :: t =>
    let k := i * n + j in
    let* _ := demand ((i <? m) && (j <? n) && (last <? k)) "statement.rows" in
    let* r := places m n k s t in Ok (k :: r)
  | _, _ => Rejected "statement.cols"
  end.
Fixpoint dense (count : nat) (k : Z) (at_ vals : list Z) : list Z :=
  match count with
  | O => []
  | S c =>
    match at_, vals with
    | p :: ps, v :: vs => if k =? p then v :: dense c (k + 1) ps vs else 0 :: dense c (k + 1) at_ vals
    | _, _ => 0 :: dense c (k + 1) at_ vals
    end
  end.

(* a tensor unfolded: the modes `rows` before the others; of a matrix it is as it is *)
Definition to_front (k : nat) (dims_ x : list Z) : list Z * list Z :=
  let before := firstn k dims_ in let d := nth k dims_ 1 in let after := skipn (S k) dims_ in
  let parts := chop (Z.to_nat (product before)) d (chop (Z.to_nat (product before * d)) (product after) x) in
  (d :: before ++ after, concat (concat (fold_right (zip_with cons) (repeat [] (Z.to_nat d)) parts)))%list.
Fixpoint to_fronts (moved : nat) (rows : list nat) (dims_ x : list Z) : list Z :=  (* the last one first *)
  match rows with
  | [] => x
  | k :: rest => let (e, y) := to_front (moved + k) dims_ x in to_fronts (S moved) rest e y
  end.
Record layout := Layout {
  all_dims : list Z; row_modes : list nat; column_modes : list nat; seen : option (list Z);
  layer_sizes : list Z }.  (* of a deep network, from the features to the outputs *)
Definition sizes_of (y : layout) (modes_ : list nat) : list Z := map (fun k => nth k (all_dims y) 1) modes_.
Definition count (y : layout) : Z :=
  match seen y with Some p => Z.of_nat (List.length p) | None => product (all_dims y) end.
Definition unfold_ (y : layout) (x : list Z) : list (list Z) :=
  chop (Z.to_nat (product (sizes_of y (row_modes y)))) (product (sizes_of y (column_modes y)))
    (match all_dims y with [_; _] => x | e => to_fronts 0 (rev (row_modes y)) e x end).
Definition spread (y : layout) (x : list Z) : list (list Z) :=
  unfold_ y (match seen y with Some p => dense (Z.to_nat (product (all_dims y))) 0 p x | None => x end).

(* float.hex: 0x1.fffffffffffffp+k, 13 digits, or 0x0.0p+0; nothing negative *)
Definition hex (c : ascii) : option Z :=
  match c with Ascii a0 a1 a2 a3 a4 a5 a6 a7 =>
    let z := low_bits a0 a1 a2 a3 in
    if a5 && a6 && negb (a4 || a7) && (1 <=? z) && (z <=? 6) then Some (9 + z) else digit_of c end.
Fixpoint hexes (z count : Z) (s : string) : Z * Z * string :=
  match s with
  | String c t => match hex c with Some d => hexes (16 * z + d) (count + 1) t | None => (z, count, s) end
  | "" => (z, count, s)
  end.
Definition number (s : string) : option dyadic :=
  if (s =? "0x0.0p+0")%string then Some dzero else
  if prefix "0x0." s || prefix "0x1." s then
    let lead := if prefix "0x1." s then 1 else 0 in
    let '(f, count, r) := hexes 0 0 (substring 4 (String.length s) s) in
    if count =? 13 then
      let sign := if prefix "p+" r then 1 else -1 in
      let (k, rest) := natural 0 (substring 2 (String.length r) r) in
      if (prefix "p+" r || prefix "p-" r) && (rest =? "")%string && (2 <? Z.of_nat (String.length r))
         && (k <=? 1023) && (-1022 <=? sign * k)
      then Some (Dy (lead * Z.shiftl 1 52 + f) (sign * k - 52)) else None
    else None
  else None.
Definition with_sign (read_ : string -> option dyadic) (s : string) : option dyadic :=
  match s with
  | String c t => if (c =? "-")%char
      then match read_ t with Some x => Some (Dy (- num x) (dex x)) | None => None end else read_ s
  | "" => None
  end.
Definition signed_number : string -> option dyadic := with_sign number.
Definition stated_number (j : json) (k : string) : result dyadic :=
  let* s := text j k in known (number s) k.

(* p/q in hexadecimal, q a power of two *)
Definition rational (s : string) : option dyadic :=
  let '(p, a, r) := hexes 0 0 s in
  match r with
  | String c t =>
    let '(q, b, rest) := hexes 0 0 t in
    let k := Z.log2 q in
    if (c =? "/")%char && (rest =? "")%string && (0 <? a) && (0 <? b) && (0 <? q) && (q =? Z.shiftl 1 k)
    then Some (Dy p (- k)) else None
  | "" => if 0 <? a then Some (Dy p 0) else None
  end.

(* the question and its proof *)
Record case := Case {
  stated : json; claimed : string; sealed : string; sealed_text : string; held : list arr;
  question_ : data; evidence_of : evidence; floor_of : option (grid * dyadic); improved : option better }.

Definition largest : Z := 4000000.  (* entries of a matrix: more is not covered *)

(* where the offsets stand in the list: those of the columns and of the rows of a matrix, and the others *)
Record places_of := Places { column_place : option Z; row_place : option Z; designs_at : list (Z * json) }.
Fixpoint kinds_of (k : Z) (matrix_ : bool) (l : list json) : result places_of :=
  match l with
  | [] => Ok (Places None None [])
  | o :: t =>
    let* fitted := text o "kind" in
    let* _ := only o (if (fitted =? "mode")%string then ["axis"; "kind"; "ridge"]
                      else if (fitted =? "sparse")%string then ["kind"; "rho"] else ["kind"; "ridge"]) "this offset" in
    let* rest := kinds_of (k + 1) matrix_ t in
    if (matrix_ : bool) && (fitted =? "column")%string then
      match column_place rest with
      | None => Ok (Places (Some k) (row_place rest) (designs_at rest)) | Some _ => NotCovered "two offsets of a kind" end
    else if matrix_ && (fitted =? "row")%string then
      match row_place rest with
      | None => Ok (Places (column_place rest) (Some k) (designs_at rest)) | Some _ => NotCovered "two offsets of a kind" end
    else
      let* _ := covered (one_of ["intercept"; "linear"; "mode"; "row"; "sparse"] fitted) "this offset" in
      Ok (Places (column_place rest) (row_place rest) ((k, o) :: designs_at rest))
  end.
Definition listed {T} (x : option T) : list T := match x with Some a => [a] | None => [] end.
Definition is_plain (p : places_of) : bool :=
  match p with Places None None [] => true | _ => false end.
Definition numbered (name : string) (k : Z) : string := name ++ decimal 30 k "".

(* the values of an offset as a column; zeros where there is none *)
Definition offset (l : list arr) (name : string) (at_ : option Z) (size : Z) : result grid :=
  match at_ with
  | None => Ok (Grid (repeat [0] (Z.to_nat size)) 0)
  | Some k => let* (x, e) := floats l (numbered name k) [size] in Ok (Grid (chop (Z.to_nat size) 1 x) e)
  end.
(* what the square of each value costs: the ridge, times its weights where there are any *)
Definition ridge_of (l : list arr) (offsets : list json) (at_ : option Z) (size : Z) : result grid :=
  match at_ with
  | None => offset l "" None size
  | Some k =>
    let* o := known (nth_error offsets (Z.to_nat k)) "offsets" in
    let* r := stated_number o "ridge" in
    match lookup l (numbered "question.ridge" k) with
    | None => Ok (Grid (repeat [num r] (Z.to_nat size)) (dex r))
    | Some _ => let* (x, e) := floats l (numbered "question.ridge" k) [size] in
        let* _ := demand (forallb (Z.ltb 0) x) "statement.ridge" in
        Ok (Grid (chop (Z.to_nat size) 1 (map (Z.mul (num r)) x)) (e + dex r))
    end
  end.
Definition offset_names (name : string) (p : places_of) : list string :=
  map (numbered name) (listed (column_place p) ++ listed (row_place p) ++ map fst (designs_at p))%list.
Definition names_beside (name kind_ : string) (p : places_of) : list string :=  (* of what comes with a kind *)
  if (kind_ =? "ridge")%string then map (numbered name) (listed (column_place p) ++ listed (row_place p))%list
  else map (numbered name) (map fst (filter (fun o => match text (snd o) "kind" with
    | Ok x => (x =? kind_)%string | _ => false end) (designs_at p))).

(* A, B and X of each of the others, below and beside each other *)
Record part_of := Part_ { pA : grid; pB : grid; pM : grid; ridge_at : dyadic; rho_at : dyadic; from_ : list arr -> string -> result grid }.
Definition all_of (m n : Z) (x : dyadic) : grid := Grid (repeat (repeat (num x) (Z.to_nat n)) (Z.to_nat m)) (dex x).
Definition wide_of (g : grid) : Z := match ints g with r :: _ => Z.of_nat (List.length r) | [] => 0 end.
Fixpoint counted_from (i : Z) (k : nat) : list Z := match k with O => [] | S k' => i :: counted_from (i + 1) k' end.
Definition hot (size k : Z) : list Z := map (fun i => if i =? k then 1 else 0) (counted_from 0 (Z.to_nat size)).
(* which index of a mode each product of some modes has *)
Definition index_in (y : layout) (modes_ : list nat) (axis : nat) : grid :=
  let size := nth axis (all_dims y) 1 in
  let step := product (sizes_of y (tl (skipn (List.length (filter (fun k => Nat.ltb k axis) modes_)) modes_))) in
  Grid (map (fun i => hot size (i / step mod size)) (counted_from 0 (Z.to_nat (product (sizes_of y modes_))))) 0.
Definition as_matrix (l : list arr) (name_ : string) (shape : list Z) (m n : Z) : result grid :=
  let* (x, e) := floats l name_ shape in Ok (Grid (chop (Z.to_nat m) n x) e).
Definition part_at (l : list arr) (y : layout) (m n : Z) (o : json) (k : Z) : result part_of :=
  let* fitted := text o "kind" in
  let ones_ size := all_of size 1 one in
  let free g h r rho_ x := Part_ g h (all_of (wide_of g) (wide_of h) one) r rho_ x in
  let in_mode axis r :=
    let size := nth axis (all_dims y) 1 in
    if existsb (Nat.eqb axis) (row_modes y)
    then free (index_in y (row_modes y) axis) (ones_ n) r dzero (fun l name_ => as_matrix l name_ [size] size 1)
    else free (ones_ m) (index_in y (column_modes y) axis) r dzero (fun l name_ => as_matrix l name_ [size] 1 size) in
  if (fitted =? "sparse")%string then
    let* rho_ := stated_number o "rho" in
    let* _ := demand (0 <? num rho_) "statement.offsets: rho" in
    let shape := match seen y with None => match all_dims y with m0 :: r => [m0; product r] | e => e end | Some _ => [count y] end in
    Ok (Part_ (scalar (Z.to_nat m) one) (scalar (Z.to_nat n) one) (Grid (spread y (repeat 1 (Z.to_nat (count y)))) 0) dzero rho_
          (fun l name_ => let* (x, e) := floats l name_ shape in Ok (Grid (spread y x) e)))
  else
  let* r := stated_number o "ridge" in
  if (fitted =? "intercept")%string then
    Ok (free (ones_ m) (ones_ n) r dzero (fun l name_ => as_matrix l name_ [1] 1 1))
  else if (fitted =? "linear")%string then
    let* _ := covered (match row_modes y with [O] => true | _ => false end) "covariates of a tensor" in
    let name_ := numbered "question.A" k in
    let* a := known (lookup l name_) name_ in
    let p := match dims a with [_; p] => p | _ => 0 end in
    let* _ := demand (0 <? p) name_ in
    let* g := matrix l name_ m p in
    Ok (free g (scalar (Z.to_nat n) one) r dzero (fun l name_ => matrix l name_ p n))
  else if (fitted =? "row")%string then
    let* _ := covered (match lookup l (numbered "question.ridge" k) with None => true | Some _ => false end) "ridges of a tensor" in
    Ok (in_mode O r)
  else
    let* axis := field o "axis" in
    match axis with
    | Nat_ a => let* _ := demand (a <? Z.of_nat (List.length (all_dims y))) "statement.offsets: axis" in
        Ok (in_mode (Z.to_nat a) r)
    | _ => Rejected "statement.offsets: axis"
    end.
(* X and Y on a diagonal *)
Definition diagonal (x y : grid) : grid :=
  let a := Z.to_nat (wide_of x) in let b := Z.to_nat (wide_of y) in
  match ints x with
  | [] => y
  | _ => above (Grid (map (fun r => r ++ repeat 0 b)%list (ints x)) (ex x))
               (Grid (map (fun r => repeat 0 a ++ r)%list (ints y)) (ex y))
  end.
Definition empty_grid := Grid [] 0.
Fixpoint parts_of_designs (l : list arr) (y : layout) (m n : Z) (p : list (Z * json)) : result (list (Z * part_of)) :=
  match p with
  | [] => Ok []
  | (k, o) :: t => let* x := part_at l y m n o k in let* r := parts_of_designs l y m n t in Ok ((k, x) :: r)
  end.
Definition beside_all (k : Z) (l : list grid) : grid := fold_right beside (Grid (repeat [] (Z.to_nat k)) 0) l.
Definition designs_read (m n : Z) (l : list (Z * part_of)) : result designs :=
  let parts_ := map snd l in
  let sum f := fold_right Z.add 0 (map f parts_) in
  let p := sum (fun x => wide_of (pA x)) in let k := sum (fun x => wide_of (pB x)) in
  let* _ := covered ((p * k <=? largest) && (m * p <=? largest) && (n * k <=? largest)) "this size" in
  let cost_of_ f := fold_right diagonal empty_grid (map (fun x => all_of (wide_of (pA x)) (wide_of (pB x)) (f x)) parts_) in
  Ok (Designs (Z.to_nat p) (Z.to_nat k) (beside_all m (map pA parts_)) (beside_all n (map pB parts_))
        (fold_right diagonal empty_grid (map pM parts_)) (cost_of_ ridge_at) (cost_of_ rho_at)).
Fixpoint design_values (l : list arr) (name_ : string) (p : list (Z * part_of)) : result grid :=
  match p with
  | [] => Ok empty_grid
  | (k, x) :: t =>
    let* g := from_ x l (numbered name_ k) in let* r := design_values l name_ t in
    Ok (match t with [] => g | _ => diagonal g r end)
  end.
Record read_offsets := ReadOffsets { places_read : places_of; parts_read : list (Z * part_of) }.
Definition offsets_at (l : list arr) (name_ : string) (at_ : read_offsets) (m n : Z) : result offsets_ :=
  let* a := offset l name_ (column_place (places_read at_)) n in
  let* b := offset l name_ (row_place (places_read at_)) m in
  let* x := design_values l name_ (parts_read at_) in Ok (Offsets_ a b x).

Definition norm_of (norm : string) : result (norm_form dyadic * sign) :=
  if (norm =? "l2")%string then Ok (L2, Free)
  else if (norm =? "l2+")%string then Ok (L2, NonNegative)
  else if (norm =? "l2-")%string then Ok (L2, NonPositive)
  else if (norm =? "l1")%string then Ok (L1, Free)
  else if (norm =? "l1+")%string then Ok (L1, NonNegative)
  else if (norm =? "l1-")%string then Ok (L1, NonPositive)
  else if (norm =? "linf")%string then Ok (LInf, Free)
  else if (norm =? "linf+")%string then Ok (LInf, NonNegative)
  else if (norm =? "linf-")%string then Ok (LInf, NonPositive) else NotCovered "this norm".

(* the norm of one side: a name, or an object with its parameters and arrays *)
Definition norm_at (atom : json) (side : string) (l : list arr) (size : Z) : result (norm_form dyadic * sign) :=
  let* stated := field atom side in
  match stated with
  | Str s => norm_of s
  | _ =>
    let* norm := text stated "norm" in
    let* cone := text stated "cone" in
    let* s := known (if (cone =? "")%string || (cone =? "*")%string then Some Free
                     else if (cone =? "+")%string then Some NonNegative
                     else if (cone =? "-")%string then Some NonPositive else None) "this cone" in
    let has names := only stated (["norm"; "cone"] ++ names)%list "this norm" in
    if (norm =? "weighted")%string then
      let* _ := has [] in
      let* (x, e) := floats l ("question." ++ side ++ ".weights") [size] in
      let* _ := demand (forallb (Z.ltb 0) x) "statement.weights" in Ok (Weighted (map (fun z => Dy z e) x), s)
    else if (norm =? "elastic")%string then
      let* _ := has ["alpha"] in
      let* alpha := stated_number stated "alpha" in
      let* _ := demand (dleb alpha one) "statement.atom: alpha" in Ok (Elastic alpha, s)
    else if (norm =? "group")%string then
      let* _ := has ["outer"] in
      let name_ := "question." ++ side ++ ".groups" in
      let* outer := text stated "outer" in
      let* a := known (lookup l name_) name_ in
      let* _ := demand ((dtype a =? "I64")%string && same (dims a) [size]) name_ in
      let* g := known (integers (words a)) name_ in
      let* _ := demand (forallb (fun k => k <? size) g) name_ in
      let g := map Z.to_nat g in
      if (outer =? "l1")%string then Ok (Groups g, s)
      else if (outer =? "linf")%string then Ok (LargestGroup g, s) else Rejected "statement.atom: outer"
    else let* _ := has [] in let* (p, _) := norm_of norm in Ok (p, s)
  end.
Definition norm_arrays (atom : json) (side : string) : list string :=
  match field atom side with
  | Ok stated => match text stated "norm" with
    | Ok kind_ => if (kind_ =? "weighted")%string then [side ++ ".weights"]
                  else if (kind_ =? "group")%string then [side ++ ".groups"] else []
    | _ => []
    end
  | _ => []
  end.

(* a hidden layer: its features, one row of them for each patch of a row of Y, and its slope *)
Definition width (g : grid) : Z := match ints g with r :: _ => Z.of_nat (List.length r) | [] => 0 end.
Definition counts_of (m : Z) (s : list nat) : list nat :=
  map (fun b => List.length (b : list unit)) (buckets (Z.to_nat m) s (repeat tt (List.length s))).
Definition pool_read (l : list arr) (m rows : Z) (largest_ free flat : bool) : result (option (list nat * bool)) :=
  match lookup l "question.samples" with
  | None => let* _ := demand (negb largest_) "statement.atom.pool" in Ok None
  | Some a =>
    let* _ := demand (same (dims a) [rows] && (dtype a =? "I64")%string) "statement.samples" in
    let* _ := covered (m * rows <=? largest) "this size" in
    let* s := known (integers (words a)) "samples" in
    let* _ := demand (forallb (fun k => k <? m) s) "statement.samples" in
    let s := map Z.to_nat s in
    let c := counts_of m s in
    let* _ := demand (negb largest_ || (flat && negb free)) "statement.atom.pool" in
    let* _ := demand ((negb largest_ || forallb (Nat.ltb 0) c)
                      && (negb free || forallb (Nat.eqb (hd O c)) c)) "statement.samples" in
    Ok (Some (s, largest_))
  end.
Definition layer_read (atom : json) (l : list arr) (m : Z)
  : result (option (grid * dyadic) * bool * Z * option (list nat * bool)) :=
  let* bias := text atom "bias" in
  let* free := known (if (bias =? "none")%string then Some false
                      else if (bias =? "free")%string then Some true else None) "this bias" in
  let* one := text atom "left" in let* _ := covered (one =? "l2")%string "this norm" in
  let* slope := let* s := text atom "slope" in known (signed_number s) "slope" in
  let* largest_ := match find "pool" (fields_of atom) with
    | None => Ok false | Some _ => let* pool := text atom "pool" in
        let* _ := covered (pool =? "max")%string "this pool" in Ok true end in
  let* a := known (lookup l "question.features") "features" in
  let (rows, k) := match dims a with [r; k] => (r, k) | _ => (0, 0) end in
  let* _ := demand ((0 <? k) && (0 <? rows)) "statement.features" in
  let* pools := pool_read l m rows largest_ free (num slope =? 0) in
  let* _ := demand ((rows =? m) || match pools with Some _ => true | None => false end) "statement.features" in
  let* _ := covered (rows * k <=? largest) "this size" in
  let* f := matrix l "question.features" rows k in
  let* _ := demand (match bias_of (Z.to_nat rows) (Z.to_nat k) free f with Some _ => true | None => false end)
              "statement.features" in Ok (Some (f, slope), free : bool, rows, pools).

(* a loss: its name, or its kind beside its number *)
Definition loss_of (s : json) : result (loss_form dyadic) :=
  let* entry := field s "loss" in
  match entry with
  | Str loss =>
    known (if (loss =? "squared")%string then Some Squared
           else if (loss =? "absolute")%string then Some Absolute
           else if (loss =? "hinge")%string then Some Hinge
           else if (loss =? "squared_hinge")%string then Some SquaredHinge
           else if (loss =? "logistic")%string then Some Logistic
           else if (loss =? "kullback_leibler")%string then Some KullbackLeibler
           else if (loss =? "poisson")%string then Some Poisson
           else if (loss =? "softmax")%string then Some Softmax else None) "this loss"
  | _ =>
    let* loss := text entry "kind" in
    let number_of name (make : dyadic -> loss_form dyadic) :=
      let* _ := only entry ["kind"; name] "this loss" in
      let* x := stated_number entry name in
      let* _ := demand (defined_ (make x)) ("statement.loss." ++ name) in Ok (make x) in
    if (loss =? "huber")%string then number_of "delta" Huber
    else if (loss =? "quantile")%string then number_of "tau" Quantile else NotCovered "this loss"
  end.

(* one 1 in each row, and zeros *)
Definition one_hot (y : grid) : bool :=
  let one_ := Z.shiftl 1 (- ex y) in
  (0 <? one_) && forallb (fun r => (fold_left Z.add r 0 =? one_)
                                   && forallb (fun z => (z =? 0) || (z =? one_)) r) (ints y).

(* a tensor: how the proof unfolds it *)
Fixpoint norms_of (l : list json) : result (list (norm_form dyadic * sign)) :=
  match l with
  | [] => Ok []
  | Str s :: t => let* n := norm_of s in let* r := norms_of t in Ok (n :: r)
  | _ => NotCovered "norms"
  end.
Definition picked {T} (x : T) (l : list T) (places_ : list nat) : list T := map (fun k => nth k l x) places_.
Fixpoint rises (last : Z) (l : list Z) : bool :=
  match l with [] => true | k :: t => (last <? k) && rises k t end.
Definition rows_of_proof (p : json) (order : Z) : result (list nat) :=
  match find "polar" (fields_of p) with
  | Some h =>
    match find "rule" (fields_of h) with
    | Some (Str "slices") | Some (Str "corners") =>
      match find "axis" (fields_of h) with
      | Some (Nat_ k) => let* _ := demand (k <? order) "proof.polar.axis" in Ok [Z.to_nat k]
      | _ => NotCovered "axis"
      end
    | Some (Str "transpose") =>
      let* rows := naturals h "rows" in
      let k := Z.of_nat (List.length rows) in
      let* _ := demand (rises (-1) rows && forallb (fun k => k <? order) rows && (0 <? k) && (k <? order))
                  "proof.polar.rows" in
      Ok (map Z.to_nat rows)
    | _ => Ok [0%nat]
    end
  | None => Ok [0%nat]
  end.
Definition unfolding (p : json) (dims_ : list Z) (seen : option (list Z)) (sizes_ : list Z) : result layout :=
  let order := Z.of_nat (List.length dims_) in
  let* rows := rows_of_proof p order in
  let others := filter (fun k => negb (existsb (Nat.eqb k) rows)) (seq 0 (List.length dims_)) in
  Ok (Layout dims_ rows others seen sizes_).
(* of the factors: the norms and the signs of the two of a matrix; of a tensor the modes of its rows and of its
   columns, and one norm each; whether all are the same *)
Record factors_of := FactorsOf {
  norm_left : norm_form dyadic * sign; norm_right : norm_form dyadic * sign;
  modes_left : modes; modes_right : modes; norms_each : list (norm_form dyadic); all_one : bool }.
Definition same_sign (s s' : sign) : bool :=
  match s, s' with Free, Free | NonNegative, NonNegative | NonPositive, NonPositive => true | _, _ => false end.
Definition alike_norms (p q : norm_form dyadic * sign) : bool := same_norm (fst p) (fst q) && same_sign (snd p) (snd q).
(* of symmetric matrices and tensors: x o ... o x, one norm and size, and as many as six modes *)
Definition twins_of (size : Z) (p : norm_form dyadic * sign) : factors_of :=
  let mode := [(Z.to_nat size, snd p)] in FactorsOf (L2, Free) (L2, Free) mode mode [fst p; fst p] true.
Definition all_one_mode (dims_ : list Z) (each : list (norm_form dyadic * sign)) : bool :=
  forallb (Z.eqb (hd 0 dims_)) dims_ && forallb (alike_norms (hd (L2, Free) each)) each && (Nat.leb (List.length each) 6).
Definition tensor_norms (atom : json) (y : layout) : result factors_of :=
  let* each := match find "norms" (fields_of atom) with Some (Lst n) => norms_of n | _ => NotCovered "norms" end in
  let* _ := demand (Nat.eqb (List.length each) (List.length (all_dims y))) "statement.atom: norms" in
  let* one := match find "symmetric" (fields_of atom) with
    | Some False_ => Ok false | Some True_ => Ok true | _ => Rejected "statement.atom.symmetric" end in
  let* _ := demand (negb one || all_one_mode (all_dims y) each) "statement.atom: symmetric" in
  let side modes_ := combine (map Z.to_nat (sizes_of y modes_)) (map snd (picked (L2, Free) each modes_)) in
  let plain_ := (L2, Free) in
  match all_dims y, each with
  | [_; _], [p; q] => Ok (if one : bool then twins_of (nth 0 (all_dims y) 0) p else FactorsOf p q [] [] [] false)
  | _, _ => Ok (FactorsOf plain_ plain_ (side (row_modes y)) (side (column_modes y))
                  (map fst (picked plain_ each (row_modes y ++ column_modes y)%list)) one)
  end.
Definition factor_name (k : nat) : string :=
  match k with O => "U" | S O => "V" | _ => "X" ++ decimal 30 (Z.of_nat k) "" end.
(* the layers of a deep network *)
Definition is_deep (y : layout) : bool := match layer_sizes y with [] => false | _ => true end.
Definition in_column (y : layout) (g : grid) : grid :=  (* all entries below each other *)
  if is_deep y then Grid (map (fun z => [z]) (concat (ints g))) (ex g) else g.
Fixpoint layers_of (l : list arr) (pre : string) (k : nat) (sizes_ : list Z) (r : Z) : result (list grid) :=
  match sizes_ with
  | d :: ((e :: _) as rest) =>
    let* x := matrix l (pre ++ factor_name k) (d * e) r in
    let* more := layers_of l pre (S k) rest r in Ok (x :: more)
  | _ => Ok []
  end.
Definition deep_read (atom : json) (l : list arr) (m n : Z) (linear : bool)
  : result (list Z * option (grid * list nat * dyadic)) :=
  let* hidden_sizes := naturals atom "hidden" in
  let* slope := if linear then Ok one else stated_number atom "slope" in
  let* a := known (lookup l "question.features") "features" in
  let k := match dims a with [_; k] => k | _ => 0 end in
  let sizes_ := (k :: hidden_sizes ++ [n])%list in
  let count := Z.of_nat (List.length hidden_sizes) in
  let* _ := demand (0 <? k) "statement.features" in
  let* _ := demand ((0 <? count) && (count <? 16) && forallb (Z.ltb 0) hidden_sizes) "statement.atom.hidden" in
  let* _ := covered (forallb (fun z => z <=? 2000) sizes_ && (m * k <=? largest)) "this size" in
  let* f := matrix l "question.features" m k in
  Ok (sizes_, Some (f, map Z.to_nat sizes_, slope)).

(* U and V, and all factors one by one *)
Definition factors_read (l : list arr) (pre : string) (y : layout) (one : bool) (inputs n : Z) : result (Z * grid * grid * list grid) :=
  let* u := known (lookup l (pre ++ "U")) "U" in
  let r := match dims u with [_; r] => r | _ => 0 end in
  if is_deep y then
    let* each := layers_of l pre 0 (layer_sizes y) r in
    Ok (r, fold_right above empty_grid each, Grid [repeat 1 (Z.to_nat r)] 0, each)
  else if one then
    let* x := matrix l (pre ++ "U") inputs r in
    Ok (r, x, products_of (Z.to_nat r) (map (fun _ => x) (column_modes y)), [x])
  else
  match all_dims y with
  | [_; _] =>
    let* gu := matrix l (pre ++ "U") inputs r in let* gv := matrix l (pre ++ "V") n r in
    Ok (r, gu, gv, [gu; gv])
  | e =>
    let k := Z.to_nat r in
    let each := fold_right (fun k rest => let* f := rest in
      let* x := matrix l (pre ++ factor_name k) (nth k e 0) r in Ok (x :: f)) (Ok []) in
    let* left_ := each (row_modes y) in let* right_ := each (column_modes y) in
    let all_ := (left_ ++ right_)%list in Ok (r, fold_right above empty_grid all_, products_of k right_, all_)
  end.

(* what the sizes of the factors' entries cost *)
Definition l1_of (s : json) : result (option (dyadic * dyadic)) :=
  match find "l1" (fields_of s) with
  | None => Ok None
  | Some (Lst [Str x; Str y]) =>
    let* a := known (signed_number x) "l1" in let* b := known (signed_number y) "l1" in
    let* _ := demand ((0 <=? num a) && (0 <=? num b) && ((0 <? num a) || (0 <? num b))) "statement.l1" in
    Ok (Some (a, b))
  | _ => NotCovered "this l1 penalty"
  end.

Definition asked_of (s p : json) (l : list arr) : result (Z * Z * layout * read_offsets * data) :=
  let* _ := only s ["arrays"; "atol"; "atom"; "claim"; "format"; "l1"; "lam"; "loss"; "observed"; "offsets";
                    "q"; "rtol"; "shape"] "statement" in
  let* format := text s "format" in
  let* _ := demand (format =? "certify/3")%string "statement.format" in
  let* loss := loss_of s in
  let* claim := text s "claim" in
  let* own := known (if (claim =? "any size")%string then Some false
                     else if (claim =? "rank")%string then Some true else None) "this claim" in
  let* qs := text s "q" in
  let* found_ := known (if (qs =? "given")%string then Some false
                        else if (qs =? "found")%string then Some true else None) "q" in
  let* offsets := field s "offsets" in
  let* offsets_ := match offsets with Lst o => Ok o | _ => NotCovered "offsets" end in
  let* atom := field s "atom" in
  let* kind := text atom "kind" in
  let cp := (kind =? "cp")%string in
  let linear := (kind =? "deep_linear")%string in
  let deep := linear || (kind =? "deep_relu")%string in
  let twin := (kind =? "symmetric")%string in
  let* layered := known (if (kind =? "rank_one")%string || cp || deep || twin then Some false
                         else if (kind =? "relu")%string then Some true else None) "this atom" in
  let* _ := only atom (["form"; "kind"] ++ (if cp then ["norms"; "symmetric"] else if linear then ["hidden"] else if deep then ["hidden"; "slope"]
                                   else ["left"; "right"])
    ++ if layered : bool then ["bias"; "pool"; "slope"] else [])%list "this atom" in
  let* form := text atom "form" in
  let* theta := known (if (form =? "product")%string then Some Product
                       else if (form =? "sum")%string then Some Sum else None) "this form" in
  let* lam := stated_number s "lam" in
  let* l1 := l1_of s in
  let is_l1 := match l1 with Some _ => true | None => false end in
  let* _ := demand ((own : bool) || is_l1 || (0 <? num lam)) "statement.lam" in
  let* _ := covered (negb is_l1 || negb (cp || deep || twin)) "an l1 penalty of these factors" in
  let* rtol := stated_number s "rtol" in
  let* atol := stated_number s "atol" in
  let* shape := naturals s "shape" in
  match shape with
  | m0 :: (_ :: _) as rest =>
    let order := Z.of_nat (List.length shape) in
    let* _ := covered ((order =? 2) || cp) "tensors" in
    let* _ := covered (negb (deep && classes loss)) "classes of a deep network" in
    let* _ := covered ((order =? 2) || negb (classes loss)) "classes of a tensor" in
    let* _ := covered (negb deep || match offsets_ with [] => true | _ => false end) "offsets of a deep network" in
    let* places_ := kinds_of 0 (order =? 2) offsets_ in
    let found_ := (found_ : bool) && negb (is_plain places_) in
    let n0 := product rest in
    let* _ := covered (forallb (Z.ltb 0) shape && (m0 * n0 <=? largest) && (order <=? 16)) "this size" in
    let* observed := text s "observed" in
    let* seen :=
      if (observed =? "all")%string then Ok None else
      let* _ := covered (observed =? "listed")%string "observed" in
      let* _ := demand (negb (classes loss)) "statement.observed" in
      let* rows := known (lookup l "question.rows") "rows" in
      let* cols := known (lookup l "question.cols") "cols" in
      let* _ := demand ((dtype rows =? "I64")%string && (dtype cols =? "I64")%string
                        && (Z.of_nat (List.length (dims rows)) =? 1)
                        && same (dims rows) (dims cols)) "statement.rows" in
      let* i := known (integers (words rows)) "rows" in
      let* j := known (integers (words cols)) "cols" in
      let* p := places m0 n0 (-1) i j in Ok (Some p) in
    let* (sizes_, net) := if deep then deep_read atom l m0 n0 linear else Ok ([], None) in
    let* form_ := unfolding (if order =? 2 then Obj [] else p) shape seen sizes_ in
    let m := product (sizes_of form_ (row_modes form_)) in
    let n := product (sizes_of form_ (column_modes form_)) in
    let pair p q := FactorsOf p q [] [] [] false in
    let* factors_ := if cp then tensor_norms atom form_ else
      if deep then Ok (pair (L2, Free) (L2, Free)) else
      let side name size :=
        if layered : bool then let* n := text atom name in norm_of n else norm_at atom name l size in
      let* one := side "left" m in let* other := side "right" n in
      let* _ := demand (negb twin || ((m =? n) && alike_norms one other)) "statement.atom: symmetric" in
      Ok (if twin then twins_of m one else pair one other) in
    let single := all_one factors_ in
    let* (y, ye) := floats l "question.Y" [count form_] in
    let* (c, ce) :=
      match lookup l "question.weights" with
      | Some _ => if classes loss then
          let* (x, e) := floats l "question.weights" [m] in
          Ok (flat_map (fun v => repeat v (Z.to_nat n)) x, e)
        else floats l "question.weights" [count form_]
      | None => Ok (map (fun _ => 1) y, 0)
      end in
    let* _ := demand (forallb (Z.ltb 0) c) "statement.weights" in
    let* (layer, free, patches_, pools) := if layered : bool then layer_read atom l m else Ok (None, false, m, None) in
    let inputs := match layer, net with
      | Some (f, _), _ => width f
      | _, Some (_, k :: s, _) => Z.of_nat (layers_size k s)
      | _, _ => if single then hd 0 (all_dims form_) else
          match all_dims form_ with [_; _] => m | e => fold_right Z.add 0 e end end in
    let* (r, gu, gv, _) := factors_read l "question." form_ single inputs n in
    let q := if found_ : bool then "proof.q" else "question.q" in
    let cols := column_place places_ in let rows := row_place places_ in
    let* parts_ := parts_of_designs l form_ m n (designs_at places_) in
    let at_ := ReadOffsets places_ parts_ in
    let* gx := designs_read m n parts_ in
    let* go := offsets_at l q at_ m n in
    let* pa := ridge_of l offsets_ cols n in
    let* pb := ridge_of l offsets_ rows m in
    let optional := (match seen with Some _ => ["rows"; "cols"] | None => [] end
      ++ match lookup l "question.weights" with Some _ => ["weights"] | None => [] end
      ++ (if layered : bool then ["features"; "samples"] else [])
      ++ (if deep then ["features"] else [])
      ++ (if single then [] else "V" :: map factor_name (seq 2 (max (List.length shape) (List.length sizes_ - 1) - 2)))
      ++ (if cp || (layered : bool) || deep then [] else norm_arrays atom "left" ++ norm_arrays atom "right")
      ++ names_beside "ridge" "ridge" places_ ++ names_beside "A" "linear" places_
      ++ if found_ : bool then [] else offset_names "q" places_)%list in
    let* _ := demand (forallb (fun a => negb (prefix "question." (name a))
      || one_of (map (String.append "question.") (["Y"; "U"] ++ optional)%list) (name a)) l)
      "statement.arrays: unknown" in
    let some (o : option Z) := match o with Some _ => true | None => false end in
    let (m, n) := if deep then (m * n, 1) else (m, n) in
    let none_ size := Grid (repeat [0] (Z.to_nat size)) 0 in
    let go := if deep then Offsets_ (none_ n) (none_ m) empty_grid else go in
    let pa := if deep then none_ n else pa in let pb := if deep then none_ m else pb in
    let* gx := if deep then designs_read m n [] else Ok gx in
    let d := Data (Z.to_nat m) (Z.to_nat n) (Z.to_nat inputs) (Z.to_nat r) layer free (Z.to_nat patches_) pools net
      (in_column form_ (Grid (spread form_ y) ye)) (in_column form_ (Grid (spread form_ c) ce)) loss lam theta
      (fst (norm_left factors_)) (fst (norm_right factors_)) (match l1 with Some x => x | None => (dzero, dzero) end)
      (snd (norm_left factors_)) (snd (norm_right factors_))
      (modes_left factors_) (modes_right factors_) (norms_each factors_) (all_one factors_)
      (some cols) (some rows) pa pb gx own gu gv go found_ rtol atol in
    let* _ := demand (labels_ok d && (negb (classes loss) || one_hot (dY d))) "statement.Y" in
    Ok (m, n, form_, at_, d)
  | _ => NotCovered "this shape"
  end.

Definition axis_of (p : json) (m n : Z) (any : bool) (where_ : string) : result bool :=  (* the smaller side *)
  let* axis := field p "axis" in
  let* columns := match axis with
    | Nat_ 0 => Ok false | Nat_ 1 => Ok true | _ => Rejected where_ end in
  let* _ := demand ((any : bool) || ((if columns : bool then n else m) =? Z.min m n)) where_ in Ok columns.
Definition factor_of (l : list arr) (name : string) (k : Z) : result (option grid) :=
  match lookup l name with
  | None => Ok None
  | Some _ => let* (y, f) := floats l name [k * (k + 1) / 2] in
              Ok (Some (Grid (triangle (Z.to_nat k) 1 y) f))
  end.
Definition shift_of (p : json) : result dyadic := let* s := text p "shift" in known (with_sign rational s) "this shift".

(* a symmetric matrix from the rows of its lower triangle *)
Fixpoint rows_of_triangle (fuel : nat) (n : Z) (l : list Z) : list (list Z) :=
  match fuel, l with
  | S k, _ :: _ => let (a, b) := cut n l in a :: rows_of_triangle k (n + 1) b
  | _, _ => []
  end.
Fixpoint mirrored (rows columns : list (list Z)) : list (list Z) :=
  match rows, columns with
  | r :: s, c :: t => (r ++ skipn (List.length r) c)%list :: mirrored s t
  | _, _ => []
  end.
Definition packed (l : list arr) (n : string) : result grid :=
  let* a := known (lookup l n) n in
  let* (x, e) := floats l n [product (dims a)] in
  let rows := rows_of_triangle (List.length x) 1 x in let k := List.length rows in
  let* _ := demand (Z.of_nat k * (Z.of_nat k + 1) =? 2 * Z.of_nat (List.length x)) n in
  let square := map (fun r => (r ++ repeat 0 (k - List.length r))%list) rows in
  Ok (Grid (mirrored rows (ints (transpose k (Grid square e)))) e).
Definition optional_array {T} (l : list arr) (n : string) (f : result T) : result (option T) :=
  match lookup l n with None => Ok None | Some _ => let* x := f in Ok (Some x) end.

(* a tree of cases from the list of its nodes, the last one first: a node takes its children, which
   stand behind it, and the root takes all *)
Section Tree.
Context {S T : Type} (end_of : json -> result T) (splits_of : json -> result (option (list S))).
Fixpoint take_out (k : Z) (l : list (Z * tree S T)) : option (tree S T * list (Z * tree S T)) :=
  match l with
  | [] => None
  | (j, t) :: r => if j =? k then Some (t, r) else
      match take_out k r with Some (x, r') => Some (x, (j, t) :: r') | None => None end
  end.
Definition child_at (c : Z) (l : list (Z * tree S T)) : result (tree S T * list (Z * tree S T)) :=
  match take_out c l with Some x => Ok x | None => Rejected "proof.polar.nodes" end.
Definition children_of (node : json) : result (list Z) :=
  match find "groups" (fields_of node), find "plus" (fields_of node), find "minus" (fields_of node) with
  | Some _, _, _ => naturals node "each"
  | None, Some (Nat_ a), Some (Nat_ b) => Ok [a; b]
  | _, _, _ => NotCovered "a node"
  end.
Fixpoint branches (splits : list S) (children : list Z) (below : list (Z * tree S T)) : result (tree S T * list (Z * tree S T)) :=
  match splits, children with
  | [], [c] => child_at c below
  | s :: splits', c :: children' =>
    let* (t, r) := child_at c below in let* (t', r') := branches splits' children' r in Ok (Cut s t t', r')
  | _, _ => Rejected "proof.polar.nodes"
  end.
Definition node_of (node : json) (below : list (Z * tree S T)) : result (tree S T * list (Z * tree S T)) :=
  let* splits := splits_of node in
  match splits, find "next" (fields_of node) with
  | None, _ => let* e := end_of node in Ok (Leaf e, below)
  | Some [s], Some (Lst [Nat_ c]) => let* (t, r) := child_at c below in Ok (Fact s t, r)
  | Some l, _ => let* children := children_of node in branches l children below
  end.
Fixpoint nodes_of (at_ : Z) (nodes : list json) : result (list (Z * tree S T)) :=
  match nodes with
  | [] => Ok []
  | node :: rest =>
    let* below := nodes_of (at_ + 1) rest in
    let* (t, others) := node_of node below in Ok ((at_, t) :: others)
  end.
Definition tree_of (nodes : list json) : result (tree S T) :=
  let* trees := nodes_of 0 nodes in
  match trees with [(_, t)] => Ok t | _ => Rejected "proof.polar.nodes" end.
End Tree.
(* lists of a place and a number *)
Fixpoint sparse_of (limit : Z) (l : list json) : result sparse :=
  match l with
  | [] => Ok []
  | Lst [Nat_ k; Str x] :: t =>
    let* _ := demand (k <? limit) "proof.polar.nodes: place" in
    let* y := known (signed_number x) "a number" in
    let* r := sparse_of limit t in Ok ((Z.to_nat k, y) :: r)
  | _ => NotCovered "a list of places"
  end.
Definition sparse_at (limit : Z) (j : json) (k : string) : result sparse :=
  match find k (fields_of j) with
  | None => Ok [] | Some (Lst l) => sparse_of limit l | _ => NotCovered k
  end.
(* on which side of a row, whose number is below `rows`, or of a cut; and a fact *)
Definition cut_of (cuts : grid) (c : Z) : result grid :=
  let* _ := demand (c <? Z.of_nat (List.length (ints cuts))) "proof.polar.nodes" in
  Ok (Grid [nth (Z.to_nat c) (ints cuts) []] (ex cuts)).
Definition planes_of (rows : Z) (cuts : grid) (node : json) : result (option (list plane)) :=
  let at_ k := find k (fields_of node) in
  match at_ "row", at_ "cut", at_ "above", at_ "range" with
  | None, None, None, None => Ok None
  | None, None, None, Some _ =>
    let* _ := only node ["next"; "range"] "a fact" in
    let* c := sparse_at rows node "range" in Ok (Some [Range c])
  | None, None, Some (Nat_ i), None =>
    let* _ := only node ["above"; "next"; "of"] "a fact" in
    let* _ := demand (i <? rows) "proof.polar.nodes" in
    let* c := sparse_at rows node "of" in Ok (Some [Above (Z.to_nat i) c])
  | None, Some (Nat_ c), None, None =>
    let* _ := only node ["cut"; "minus"; "plus"] "a split" in
    let* a := cut_of cuts c in Ok (Some [Line a])
  | Some (Nat_ i), None, None, None =>
    let* _ := only node ["minus"; "plus"; "row"] "a split" in
    let* _ := demand (i <? rows) "proof.polar.nodes" in Ok (Some [Row (Z.to_nat i)])
  | _, _, _, _ => NotCovered "a node"
  end.
(* a cut, two coordinates of a cube, or the groups of a side *)
Definition partings_of (k : Z) (cuts : grid) (left_ right_ : norm_form dyadic) (node : json)
  : result (option (list parting)) :=
  match find "cut" (fields_of node), find "equal" (fields_of node), find "groups" (fields_of node) with
  | None, None, None => Ok None
  | Some (Nat_ c), None, None =>
    let* _ := only node ["cut"; "minus"; "plus"] "a split" in
    let* a := cut_of cuts c in Ok (Some [AtLine a])
  | None, Some (Lst [Nat_ i; Nat_ j]), None =>
    let* _ := only node ["equal"; "minus"; "plus"] "a split" in
    let* _ := demand ((i <? k) && (j <? k)) "proof.polar.nodes" in
    Ok (Some [Alike (Z.to_nat i) (Z.to_nat j)])
  | None, None, Some (Str side) =>
    let* _ := only node ["each"; "groups"] "a split" in
    let* _ := demand (one_of ["left"; "right"] side) "proof.polar.nodes" in
    match (if (side =? "left")%string then left_ else right_) with
    | Groups g => Ok (Some (map (Alone (side =? "right")%string)
        (removelast (filter (fun c => existsb (Nat.eqb c) g) (seq 0 (List.length g))))))
    | _ => Rejected "proof.polar.nodes"
    end
  | _, _, _ => NotCovered "a node"
  end.

(* a form's proof: the arrays of a leaf *)
Definition form_of (l : list arr) (pre : string) (k t : Z) (node : json) : result form_proof :=
  let* shift := shift_of node in
  let n := numbered (pre ++ "N") t in
  let* more := optional_array l n (packed l n) in
  let* factor := factor_of l (numbered (pre ++ "L") t) k in Ok (Form more factor shift).
Definition lower_of (l : list arr) (n : string) : result grid :=
  let* a := known (lookup l n) n in
  let* (x, e) := floats l n [product (dims a)] in
  let rows := rows_of_triangle (List.length x) 1 x in let k := Z.of_nat (List.length rows) in
  let* _ := demand (k * (k + 1) =? 2 * Z.of_nat (List.length x)) n in Ok (Grid rows e).
Definition column_of (l : list arr) (n : string) : result grid :=
  let* a := known (lookup l n) n in
  let* (x, e) := floats l n [product (dims a)] in Ok (Grid (map (fun z => [z]) x) e).
Definition ball_arrays (pre : string) (t : Z) : list string :=
  map (fun c => numbered (pre ++ c) t) ["N"; "L"; "D"] ++ map (fun c => numbered (pre ++ "S") t ++ c)%string [".left"; ".right"].
Definition conic_arrays (pre : string) (nodes : list json) : list string :=
  (pre ++ "cuts") :: flat_map (fun node =>
    match find "leaf" (fields_of node) with Some (Nat_ t) => ball_arrays pre t | _ => [] end) nodes.
Definition ball_end (l : list arr) (pre : string) (node : json) : result ball_proof :=
  match find "leaf" (fields_of node) with
  | Some (Nat_ t) =>
    let* _ := only node ["leaf"; "shift"] "a leaf" in
    let* shift := shift_of node in
    let given (letter more : string) f := let n := (numbered (pre ++ letter) t ++ more)%string in optional_array l n (f l n) in
    let* n := given "N" "" packed in
    let* x := given "L" "" lower_of in
    let* d := given "D" "" column_of in
    let* s := given "S" ".left" packed in
    let* s' := given "S" ".right" packed in Ok (BallProof (Form n x shift) d (s, s'))
  | _ => NotCovered "a node"
  end.
(* of each fact a row y, and t behind it *)
Definition cone_of (l : list arr) (n : string) : result (grid * list dyadic) :=
  let* a := known (lookup l n) n in
  let c := match dims a with [_; c] => c | _ => 0 end in
  let* _ := demand (0 <? c) n in
  let* g := matrix l n (product (dims a) / c) c in
  Ok (Grid (map (fun r => removelast r) (ints g)) (ex g), map (fun r => Dy (List.last r 0) (ex g)) (ints g)).
Definition cuts_of (l : list arr) (name_ : string) (k : Z) : result grid :=
  match lookup l name_ with
  | None => Ok (Grid [] 0)
  | Some a => matrix l name_ (match dims a with c :: _ => c | [] => 0 end) k
  end.

Fixpoint chords_of (rows steps : Z) (l : list json) : result (list chord) :=
  match l with
  | [] => Ok []
  | Lst [Nat_ i; Str x; Lst low; Lst high] :: t =>
    let* _ := demand (i <? rows) "proof.polar.nodes: place" in
    let* y := known (signed_number x) "a number" in
    let* lo := sparse_of steps low in let* hi := sparse_of steps high in
    let* r := chords_of rows steps t in Ok (Chord (Z.to_nat i) y lo hi :: r)
  | _ => NotCovered "a list of chords"
  end.
Definition level_at (j : json) (k : string) : result (option dyadic) :=
  match find k (fields_of j) with
  | None => Ok None
  | Some (Str x) => let* y := known (signed_number x) k in Ok (Some y)
  | _ => NotCovered k
  end.
Definition layer_end_of (l : list arr) (pre : string) (m k steps : Z) (node : json) : result layer_proof :=
  match find "leaf" (fields_of node), find "cell" (fields_of node) with
  | Some (Nat_ t), None =>
    let* _ := only node ["bias"; "leaf"; "level"; "linear"; "radial"; "shift"; "tau"] "a leaf" in
    let* tau := stated_number node "tau" in
    let* level := level_at node "level" in
    let* beside := level_at node "bias" in
    let* radial := level_at node "radial" in
    let* linear := match find "linear" (fields_of node) with
      | None => Ok false | Some True_ => Ok true | _ => NotCovered "linear" end in
    let* form := form_of l pre (m + k + match radial with Some _ => 1 | None => 0 end) t node in
    let* cone := let n := numbered (pre ++ "Y") t in optional_array l n (cone_of l n) in
    let zero x := match x with Some x => x | None => dzero end in
    Ok (Quadratic form tau (zero level) (zero beside) radial linear cone)
  | None, Some (Nat_ z) =>
    let* _ := only node ["cell"; "chords"; "mu"; "rho"] "a cell" in
    let* _ := demand (z =? 0) "proof.polar.nodes.cell" in
    let* mu := sparse_at steps node "mu" in
    let* rho := sparse_at m node "rho" in
    let* chords := match find "chords" (fields_of node) with
      | None => Ok [] | Some (Lst c) => chords_of m steps c | _ => NotCovered "chords" end in
    Ok (Cell mu rho chords)
  | _, _ => NotCovered "a node"
  end.
(* one output's proof, or one of all: a tree, with a root of signs or without *)
Definition output_of (h : json) (l : list arr) (pre : string) (m k more : Z) (s : sign) : result output_proof :=
  match find "nodes" (fields_of h) with
  | Some (Lst (root :: rest)) =>
    let* cuts := cuts_of l (pre ++ "cuts") (m + k) in
    let steps := Z.of_nat (List.length rest) + 1 + more in
    let nodes := nodes_of (layer_end_of l pre m k steps) (planes_of m cuts) in
    match find "signs" (fields_of root) with
    | None => let* t := tree_of (layer_end_of l pre m k steps) (planes_of m cuts) (root :: rest) in
        Ok (Whole t)
    | Some _ =>
      let* _ := only root ["signs"] "a node" in
      let* below := nodes 1 rest in
      let* children := naturals root "signs" in
      let* (found_, r) := match children, s with
        | [i; j], Free => let* (t, r) := child_at i below in let* (t', r) := child_at j r in
            Ok (Signs (Some t) (Some t'), r)
        | [i], NonNegative => let* (t, r) := child_at i below in Ok (Signs (Some t) None, r)
        | [i], NonPositive => let* (t, r) := child_at i below in Ok (Signs None (Some t), r)
        | _, _ => Rejected "proof.polar.nodes: signs"
        end in
      let* _ := demand (match r with [] => true | _ => false end) "proof.polar.nodes" in Ok found_
    end
  | _ => NotCovered "nodes"
  end.
(* a split is told as a row is of other trees *)
Definition told_as_row (node : json) : json :=
  match node with
  | Obj l => Obj (map (fun f => let (k, v) := (f : string * json) in
      ((if (k =? "split")%string then "row" else if (k =? "row")%string then "split" else k), v)) l)
  | x => x
  end.
Definition slice (pre : string) (t : Z) : string := numbered (pre ++ "s") t ++ ".".
Fixpoint each_of {S T} (read_ : S -> string -> result T) (pre : string) (t : Z) (each : list S) : result (list T) :=
  match each with
  | [] => Ok []
  | h :: rest =>
    let* p := read_ h (slice pre t) in let* r := each_of read_ pre (t + 1) rest in Ok (p :: r)
  end.

(* the largest of patches: of each sign a tree of splits, told as rows are; to a part belong as many rows >= 0
   as its path is long *)
Definition child_of (node : json) (k : string) (depth : Z) : list (Z * Z) :=
  match find k (fields_of node) with Some (Nat_ c) => [(c, depth + 1)] | _ => [] end.
Fixpoint with_depths (at_ : Z) (known_ : list (Z * Z)) (nodes : list json) : list json :=
  match nodes with
  | [] => []
  | node :: rest =>
    let depth := match List.find (fun p => fst p =? at_) known_ with Some p => snd p | None => 0 end in
    Obj (match find "leaf" (fields_of node) with Some _ => [("depth", Nat_ depth)] | None => [] end
         ++ fields_of (told_as_row node))%list
    :: with_depths (at_ + 1) (child_of node "plus" depth ++ child_of node "minus" depth ++ known_)%list rest
  end.
Definition pooled_end_of (l : list arr) (pre : string) (m k : Z) (s : list nat) (f w : grid)
    (plus : bool) (node : json) : result pooled_end :=
  match find "leaf" (fields_of node), find "depth" (fields_of node) with
  | Some (Nat_ t), Some (Nat_ depth) =>
    let* _ := only node ["depth"; "leaf"; "nodes"] "a leaf" in
    let pre := slice pre t in
    let* a := known (lookup l (pre ++ "base")) "base" in
    let* _ := demand (same (dims a) [m] && (dtype a =? "I64")%string) "proof.base" in
    let* b := known (whole_numbers (words a)) "base" in
    match pooled_at (Z.to_nat m) s f w plus b with
    | Some (x, _) =>
      let* p := output_of node l pre (Z.of_nat (List.length x) + depth) k depth (if plus then NonNegative else NonPositive) in
      Ok (PooledEnd b p)
    | None => Rejected "proof.base"
    end
  | _, _ => NotCovered "a node"
  end.
Definition pooled_of (l : list arr) (m k : Z) (s : list nat) (f w : grid) (plus : bool) (h : json)
    (pre : string) : result pooled_proof :=
  match find "nodes" (fields_of h) with
  | Some (Lst nodes) =>
    let* _ := only h ["nodes"] "a sign" in
    let* _ := covered (forallb (fun node => match find "depth" (fields_of node), find "row" (fields_of node) with
      None, None => true | _, _ => false end) nodes) "a node" in
    let* rows := cuts_of l (pre ++ "splits") k in
    let* t := tree_of (pooled_end_of l pre m k s f w plus) (planes_of (Z.of_nat (List.length (ints rows))) (Grid [] 0))
                (with_depths 0 [] nodes) in
    Ok (PooledProof rows t)
  | _ => NotCovered "nodes"
  end.
Definition pooled_output_of (l : list arr) (m k : Z) (d : data) (s : list nat) (f w : grid) (h : json) (pre : string)
  : result (sided pooled_proof) :=
  match find "each" (fields_of h), dright d with
  | Some (Lst [p; q]), Free =>
    let* x := pooled_of l m k s f w true p (slice pre 0) in
    let* y := pooled_of l m k s f w false q (slice pre 1) in Ok (Signs (Some x) (Some y))
  | Some (Lst [p]), NonNegative => let* x := pooled_of l m k s f w true p (slice pre 0) in Ok (Signs (Some x) None)
  | Some (Lst [p]), NonPositive => let* x := pooled_of l m k s f w false p (slice pre 0) in Ok (Signs None (Some x))
  | Some (Lst _), _ => Rejected "proof.polar.each"
  | _, _ => NotCovered "each"
  end.
(* trees of cones: four codes a word, the first lowest, then zeros; 0 is a leaf, c the split of the c-th
   pair of generators, the first child before the second *)
Fixpoint codes_of (words : list Z) : list Z :=
  match words with
  | [] => []
  | w :: t => w mod 256 :: (w / 256) mod 256 :: (w / 65536) mod 256 :: w / 16777216 :: codes_of t
  end.
Definition pairs_of (k : nat) : list (nat * nat) :=
  flat_map (fun i => map (fun j => (i, j)) (seq (S i) (k - S i))) (seq 0 k).
Fixpoint cone_tree (fuel : nat) (pairs : list (nat * nat)) (codes : list Z)
  : option (tree (nat * nat) unit * list Z) :=
  match fuel, codes with
  | S f, c :: rest =>
    if c =? 0 then Some (Leaf tt, rest) else
      match nth_error pairs (Z.to_nat (c - 1)) with
      | Some p =>
        match cone_tree f pairs rest with
        | Some (t, rest') =>
          match cone_tree f pairs rest' with
          | Some (t', rest'') => Some (Cut p t t', rest'')
          | None => None
          end
        | None => None
        end
      | None => None
      end
  | _, _ => None
  end.
Fixpoint cone_trees (roots : nat) (fuel : nat) (pairs : list (nat * nat)) (codes : list Z)
  : option (list (tree (nat * nat) unit) * list Z) :=
  match roots with
  | O => Some ([], codes)
  | S r =>
    match cone_tree fuel pairs codes with
    | Some (t, rest) =>
      match cone_trees r fuel pairs rest with Some (l, rest') => Some (t :: l, rest') | None => None end
    | None => None
    end
  end.
Definition short : Z := 16.  (* coordinates of the factor at most *)
Definition cones_of (l : list arr) (name_ : string) (k roots : nat) : result (list (tree (nat * nat) unit)) :=
  let* a := known (lookup l name_) name_ in
  let* _ := demand ((dtype a =? "I64")%string && (Z.of_nat (List.length (dims a)) =? 1)) name_ in
  let codes := codes_of (words a) in
  match cone_trees roots (List.length codes) (pairs_of k) codes with
  | Some (t, rest) =>
    let* _ := demand ((Z.of_nat (List.length rest) <? 8) && forallb (Z.eqb 0) rest) name_ in Ok t
  | None => Rejected name_
  end.

(* a largest singular value *)
Definition singular_of (h : json) (l : list arr) (name_ : string) (m n : Z) : result (bool * option grid * dyadic) :=
  let* _ := only h ["axis"; "rule"; "shift"] "this rule" in
  let* shift := shift_of h in
  let* columns := axis_of h m n false "proof.polar.axis" in
  let* factor := factor_of l name_ (if columns : bool then n else m) in Ok (columns, factor, shift).
(* slope 1: by that of F^T W; of one output its length, which a sum of squares is *)
Definition linear_of (h : json) (l : list arr) (pre : string) (k n : Z) : result polar :=
  let* inner := field h "of" in let* of := text inner "rule" in
  if (of =? "lines")%string && (n =? 1) then
    let* _ := only inner ["rule"] "this rule" in Ok (DeepLinear true None dzero)
  else
    let* _ := covered (of =? "spectral")%string "this rule" in
    let* (c, x, s) := singular_of inner l (pre ++ "L") k n in Ok (DeepLinear c x s).

Definition layer_polar (h : json) (l : list arr) (m n k : Z) (pre : string) (d : data) (w : grid)
  : result polar :=
  let s := dright d in let l_ := Z.of_nat (dpatches d) in
  let* layer_rule := text h "rule" in
  let pooled_each := match dlayer d, dpool d with
    | Some (f, _), Some (p, true) => Some (fun j h pre =>
        let* _ := only h ["each"; "rule"] "this rule" in
        pooled_output_of l m k d p f (column_at (Z.to_nat m) (Z.to_nat n) w j) h pre)
    | _, _ => None end in
  let* _ := demand (if largest_ d then one_of ["max_pool"; "outputs"] layer_rule
                    else negb (layer_rule =? "max_pool")%string) "proof.polar.rule" in
  if (layer_rule =? "max_pool")%string then
    let* _ := demand (n =? 1) "proof.polar.rule" in
    match pooled_each with
    | Some read_ => let* p := read_ O h pre in Ok (Pooled [p])
    | None => NotCovered "this rule"
    end
  else if (layer_rule =? "linear")%string then
    let* _ := only h ["of"; "rule"] "this rule" in
    let slope := match dlayer d with Some (_, a) => a | None => dzero end in
    let* _ := demand (dleb slope one && dleb one slope && negb (dfree d)) "proof.polar.rule" in
    linear_of h l pre k n
  else if (layer_rule =? "network")%string then
    let* _ := only h ["nodes"; "rule"] "this rule" in
    let* p := output_of h l pre l_ k 0 s in
    match p with
    | Whole t => Ok (Layer t)
    | Signs _ _ => let* _ := demand (n =? 1) "proof.polar.nodes: signs" in Ok (Outputs [p])
    end
  else if (layer_rule =? "outputs")%string then
    let* _ := only h ["each"; "rule"] "this rule" in
    match find "each" (fields_of h), pooled_each with
    | Some (Lst each), Some read_ =>
      let* p := each_of (fun x pre => read_ (fst x) (snd x) pre) pre 0
                  (combine (seq 0 (List.length each)) each) in Ok (Pooled p)
    | Some (Lst each), None =>
      let* p := each_of (fun h pre => let* _ := only h ["nodes"; "rule"] "this rule" in
                                      output_of h l pre l_ k 0 s) pre 0 each in Ok (Outputs p)
    | _, _ => NotCovered "each"
    end
  else if (layer_rule =? "cones")%string then
    let* _ := only h ["rule"] "this rule" in
    match dlayer d with
    | Some (f, _) =>
      let size := priced_inputs (dfree d) (dinputs d) in
      let* _ := demand ((0 <? Z.of_nat size) && (Z.of_nat size <=? short)) "proof.polar.rule" in
      let* t := cones_of l (pre ++ "tree") size
        (List.length (layer_roots (dfree d) size f (dright d) (pull_ d w))) in Ok (Cones false t)
    | None => NotCovered "this rule"
    end
  else NotCovered "this rule".

(* multipliers of products of vectors: at the pairs of places, in row-major order, that are not in order
   in each mode; or at those that are, where no sign makes x_a x_b negative *)
Fixpoint indices_of (l : modes) : list (list nat) :=
  match l with
  | [] => [[]]
  | (d, _) :: t => let below := indices_of t in flat_map (fun i => map (cons i) below) (seq 0 d)
  end.
Fixpoint pairs_in (l : list (list nat)) : list (list nat * list nat) :=
  match l with [] => [] | a :: t => (map (pair a) l ++ pairs_in t)%list end.
Definition same_places (a b : list nat * list nat) : bool :=
  seq.all2 Nat.eqb (fst a) (fst b) && seq.all2 Nat.eqb (snd a) (snd b).
Definition pairs_at (one null_ : bool) (g : modes) : list (list nat * list nat) :=
  filter (fun ab => let (a, b) := (ab : list nat * list nat) in
    let ordered := same_places ab (partner one a b) in
    if null_ then negb ordered else ordered && negb (seq.all2 Nat.eqb a b) && alike g a b)
    (pairs_in (indices_of g)).
Definition multiplier_of (l : list arr) (name_ : string) (one right_ null_ : bool) (g : modes) : result (list multiplier) :=
  match lookup l name_ with
  | None => Ok []
  | Some _ =>
    let* _ := covered (Z.of_nat (size_of g) <=? 400) "this size" in
    let pairs := pairs_at one null_ g in
    let* (x, e) := floats l name_ [Z.of_nat (List.length pairs)] in
    let* _ := demand (null_ || forallb (Z.leb 0) x) (name_ ++ ": sign") in
    let twice ab z := if seq.all2 Nat.eqb (fst (ab : list nat * list nat)) (snd ab) then z else 2 * z in  (* in half units *)
    let entries := filter (fun p => negb (snd p =? 0)) (combine pairs x) in
    Ok [if one && null_ then Multiplier right_ null_ (e - 1) (map (fun p => (fst p, twice (fst p) (snd p))) entries)
        else Multiplier right_ null_ e entries]
  end.
Definition product_names (pre : string) (t : Z) (by_hat : bool) : list (string * (bool * bool)) :=
  let rows (letter : string) := numbered (pre ++ letter) t ++ ".rows" in
  let cols (letter : string) := numbered (pre ++ letter) t ++ ".cols" in
  ([(rows "K", (false, true)); (rows "P", (false, false))]
   ++ if by_hat then [(cols "K", (true, true)); (cols "P", (true, false))] else [])%list.
Definition transpose_form (h : json) : result relaxation :=
  let* f := text h "form" in
  known (if (f =? "gram")%string then Some Gram else if (f =? "hat")%string then Some Hat
         else if (f =? "square")%string then Some Half else None) "this form".
Definition is_hat (f : relaxation) : bool := match f with Hat => true | _ => false end.
(* where a mode is: in the rows or the columns, and which one of them *)
Fixpoint index_of (k : nat) (l : list nat) : option nat :=
  match l with
  | [] => None
  | j :: t => if Nat.eqb j k then Some O else
      match index_of k t with Some i => Some (S i) | None => None end
  end.
Definition place_in (y : layout) (k : Z) : result (bool * nat) :=
  match index_of (Z.to_nat k) (row_modes y), index_of (Z.to_nat k) (column_modes y) with
  | Some i, _ => Ok (false, i)
  | None, Some i => Ok (true, i)
  | None, None => Rejected "proof.polar.splits"
  end.
Fixpoint splits_of (l : list arr) (pre : string) (y : layout) (s : Z) (modes_ : list Z) : result (list split) :=
  match modes_ with
  | [] => Ok []
  | k :: t =>
    let* (right_, i) := place_in y k in
    let* q := match lookup l (numbered (pre ++ "Q") s) with
      | None => Ok (Grid [] 0)
      | Some _ => let size_ := nth (Z.to_nat k) (all_dims y) 0 in
          matrix l (numbered (pre ++ "Q") s) size_ size_
      end in
    let* r := splits_of l pre y (s + 1) t in Ok (Split right_ i q :: r)
  end.
Definition part_name (pre : string) (t s : Z) : string := numbered (numbered (pre ++ "F") t ++ ".") s.
Fixpoint parts_of_leaf (l : list arr) (pre : string) (d : data) (t s : Z) (splits : list split) : result (list part) :=
  match splits with
  | [] => Ok []
  | x :: rest =>
    let* r := parts_of_leaf l pre d t (s + 1) rest in
    match lookup l (part_name pre t s) with
    | None => Ok r
    | Some a =>
      let g := if split_right x then dright_modes d else dleft_modes d in
      let others_ := (firstn (split_mode x) g ++ skipn (S (split_mode x)) g)%list in
      let q := split_Q x in
      let* _ := covered (match ints q with [] => false | _ => true end) "a split without its matrix" in
      let* _ := covered (symmetric (List.length (ints q)) q) "a split's matrix that is not symmetric" in
      let* f := matrix l (part_name pre t s) (Z.of_nat (size_of others_)) (match dims a with [_; w] => w | _ => 0 end) in
      Ok (Part (Z.to_nat s) (indices_of others_) f :: r)
    end
  end.
Definition product_end (l : list arr) (pre : string) (d : data) (by_hat : bool) (splits : list split) (node : json)
  : result product_proof :=
  match find "leaf" (fields_of node) with
  | Some (Nat_ t) =>
    let* _ := only node ["leaf"; "shift"] "a leaf" in
    let* shift := shift_of node in
    let* more := fold_right (fun x rest => let* r := rest in
      let '(name_, (right_, null_)) := x in
      let* m := multiplier_of l name_ (done_vector d) right_ null_ (if right_ : bool then dright_modes d else dleft_modes d) in
      Ok (m ++ r)%list) (Ok []) (product_names pre t by_hat) in
    let k := Z.of_nat (dm d) + if by_hat then Z.of_nat (dn d) else 0 in
    let* held_ := parts_of_leaf l pre d t 0 splits in
    let* factor := factor_of l (numbered (pre ++ "L") t) k in Ok (ProductProof more held_ factor shift)
  | _ => NotCovered "a node"
  end.

(* the arrays of a rule *)
Definition product_arrays (pre : string) (h : json) (nodes : list json) : list string :=
  let by_hat := match transpose_form h with Ok f => is_hat f | _ => false end in
  let splits := map Z.of_nat (seq 0 (match find "splits" (fields_of h) with Some (Lst s) => List.length s | _ => O end)) in
  (pre ++ "N") :: (map (numbered (pre ++ "Q")) splits ++ flat_map (fun node =>
    match find "leaf" (fields_of node) with
    | Some (Nat_ t) => (numbered (pre ++ "L") t :: map fst (product_names pre t by_hat)
                        ++ map (part_name pre t) splits)%list
    | _ => [] end) nodes)%list.
Definition node_arrays (pre : string) (nodes : list json) : list string :=
  (pre ++ "cuts") :: flat_map (fun node =>
    match find "leaf" (fields_of node) with
    | Some (Nat_ t) => map (fun c => numbered (pre ++ c) t) ["L"; "N"; "Y"] | _ => [] end) nodes.
(* of each output, of each sign of it, and of each part where patches are compared *)
Fixpoint layer_arrays (depth : nat) (pre : string) (h : json) : list string :=
  match depth with
  | O => []
  | S k =>
    let parts_ nodes := flat_map (fun node => match find "leaf" (fields_of node), find "nodes" (fields_of node) with
      | Some (Nat_ t), Some _ => (slice pre t ++ "base") :: layer_arrays k (slice pre t) node
      | _, _ => [] end) nodes in
    match find "nodes" (fields_of h), find "each" (fields_of h) with
    | Some (Lst nodes), _ => (pre ++ "splits") :: (node_arrays pre nodes ++ parts_ nodes)%list
    | None, Some (Lst each) => flat_map (fun p => layer_arrays k (slice pre (Z.of_nat (fst p))) (snd p))
        (combine (seq 0 (List.length each)) each)
    | _, _ => []
    end
  end.
Definition matrix_arrays (pre : string) (h : json) : list string :=
  match find "nodes" (fields_of h) with
  | Some (Lst nodes) => conic_arrays pre nodes
  | _ => map (fun x => pre ++ x) ["L"; "N"; "M"; "tree"; "scale.left"; "scale.right"]
  end.
Definition rule_arrays (p : json) (pre : string) (deep : bool) : list string :=
  match find "polar" (fields_of p) with
  | None => []
  | Some polar =>
    match find "rule" (fields_of polar) with
    | Some (Str "linear") => [pre ++ "L"] | _ =>
    if deep then [pre ++ "W.L"; pre ++ "F.L"] else
    match find "nodes" (fields_of polar), find "each" (fields_of polar) with
    | Some (Lst nodes), _ => match find "rule" (fields_of polar) with
        | Some (Str "transpose") => product_arrays pre polar nodes
        | Some (Str "conic") => conic_arrays pre nodes
        | _ => node_arrays pre nodes end
    | None, Some (Lst each) => match find "rule" (fields_of polar) with
        | Some (Str "slices") => flat_map (fun p => matrix_arrays (slice pre (Z.of_nat (fst p))) (snd p))
            (combine (seq 0 (List.length each)) each)
        | _ => layer_arrays 4 pre polar end
    | _, _ => matrix_arrays pre polar
    end end
  end.

Definition line_level (h : json) : result (option dyadic) :=
  match find "level" (fields_of h) with
  | None => Ok None
  | Some (Str x) => let* y := known (rational x) "this level" in Ok (Some y)
  | _ => NotCovered "level"
  end.
(* the polar's rule; its arrays' names begin with `pre` *)
Definition polar_of (h : json) (l : list arr) (m n : Z) (d : data) (y : layout) (pre : string)
  : result polar :=
  let* rule := text h "rule" in
  if (rule =? "spectral")%string then
    let* _ := only h ["axis"; "rule"; "shift"] "this rule" in
    let* shift := shift_of h in
    let* columns := axis_of h m n (match lookup l (pre ++ "M") with Some _ => true | None => false end)
                      "proof.polar.axis" in
    let k := if columns : bool then n else m in
    let* factor := factor_of l (pre ++ "L") k in
    let* multipliers := optional_array l (pre ++ "N") (
      let* (x, e) := floats l (pre ++ "N") [count y] in Ok (Grid (spread y x) e)) in
    let* more := optional_array l (pre ++ "M") (matrix l (pre ++ "M") k k) in
    let scale side size := optional_array l (pre ++ "scale." ++ side) (
      let* (x, e) := floats l (pre ++ "scale." ++ side) [size] in
      let* _ := demand (forallb (Z.ltb 0) x) "proof.scale" in Ok (Grid (chop (Z.to_nat size) 1 x) e)) in
    let* one := scale "left" m in let* other := scale "right" n in
    let given s k := match s with Some x => x | None => unit_column k end in
    let scales := match one, other with
      | None, None => None | _, _ => Some (given one (dm d), given other (dn d)) end in
    Ok (Spectral columns scales multipliers more factor shift)
  else if (rule =? "conic")%string then
    let* _ := only h ["boxed"; "nodes"; "rule"] "this rule" in
    let* boxed := match find "boxed" (fields_of h) with
      | None => Ok [] | Some (Lst b) => Ok (map (fun x => match x with Str side => side | _ => "" end) b)
      | _ => Rejected "proof.polar.boxed" end in
    let box side (p : norm_form dyadic) := (one_of boxed side && match p with LInf => true | _ => false end)%bool in
    let boxes := (box "left" (dleft_norm d), box "right" (dright_norm d)) in
    let count (b : bool) := if b then 1 else 0 in
    let* _ := demand (Z.of_nat (List.length boxed) =? count (fst boxes) + count (snd boxes)) "proof.polar.boxed" in
    let k := m + n + count (fst boxes) + count (snd boxes) in
    let* cuts := cuts_of l (pre ++ "cuts") k in
    match find "nodes" (fields_of h) with
    | Some (Lst nodes) =>
      let has name := existsb (fun node => match find name (fields_of node) with Some _ => true | None => false end) nodes in
      let* _ := covered (negb (has "groups" && existsb (fun a => prefix (pre ++ "S") (name a)) l)) "entries beside groups" in
      let* t := tree_of (ball_end l pre) (partings_of k cuts (dleft_norm d) (dright_norm d)) nodes in Ok (Conic boxes t)
    | _ => NotCovered "nodes"
    end
  else if (rule =? "lines")%string then 
    let* _ := only h ["level"; "rule"] "this rule" in
    let* level := line_level h in Ok (Lines level)
  else if (rule =? "corners")%string then
    let* _ := only h ["axis"; "level"; "rule"] "this rule" in
    let* left_ := axis_of h m n true "proof.polar.axis" in
    let (p, size) := if left_ : bool then (dleft_norm d, m) else (dright_norm d, n) in
    let* _ := demand (match p with LInf => true | _ => false end) "proof.polar.rule" in
    let* _ := covered ((size <=? short) && (Z.shiftl (m + n) size <=? largest)) "this size" in
    let* level := line_level h in Ok (Corners (negb left_) level)
  else if (rule =? "cones")%string then
    let* _ := only h ["axis"; "rule"] "this rule" in
    let* columns := axis_of h m n true "proof.polar.axis" in
    let even := is_even (dleft d) (dright d) in
    let k := if columns : bool then dn d else dm d in
    let s := if columns then dright d else dleft d in
    let* _ := demand (Z.of_nat k <=? short) "proof.polar.rule" in
    let* t := cones_of l (pre ++ "tree") k (List.length (orthants k s even)) in Ok (Cones columns t)
  else NotCovered "this rule".

Definition tensor_polar (h : json) (l : list arr) (m n : Z) (d : data) (y : layout) (pre : string) : result polar :=
  let* tensor_rule := text h "rule" in
  if (tensor_rule =? "transpose")%string then
    let* _ := only h ["form"; "nodes"; "rows"; "rule"; "splits"] "this rule" in
    let* _ := covered (forallb (@outside_l2 _) (dmode_norms d)) "a form with these norms" in
    let* form_ := transpose_form h in
    let by_hat := is_hat form_ in
    let* _ := demand (match form_ with
      | Half => done_vector d && Nat.eqb (List.length (dleft_modes d)) (List.length (dright_modes d))
      | _ => true end) "proof.polar.form" in
    let* modes_ := match find "splits" (fields_of h) with None => Ok [] | _ => naturals h "splits" end in
    let* splits := splits_of l pre y 0 modes_ in
    let* more := optional_array l (pre ++ "N") (
      let* (x, e) := floats l (pre ++ "N") [m * n] in Ok (Grid (unfold_ y x) e)) in
    match find "nodes" (fields_of h) with
    | Some (Lst nodes) =>
      let* t := tree_of (product_end l pre d by_hat splits) (planes_of (Z.of_nat (List.length splits)) (Grid [] 0))
                  (map told_as_row nodes) in Ok (Products form_ more splits t)
    | _ => NotCovered "nodes"
    end
  else if (tensor_rule =? "slices")%string then
    let* _ := only h ["axis"; "each"; "rule"] "this rule" in
    match find "each" (fields_of h), dleft_modes d, dright_modes d, dmode_norms d with
    | Some (Lst each), [(k, s)], [(m', s'); (n', s'')], [p; p'; p''] =>
      let* _ := demand (is_l1 p k) "proof.polar.rule" in
      let* _ := demand (Nat.eqb (List.length each) (List.length (slice_signs s s' s'') * k)) "proof.polar.each" in
      let part_ := Layout [Z.of_nat m'; Z.of_nat n'] [0%nat] [1%nat] None [] in
      let* each_ := each_of (fun h pre => polar_of h l (Z.of_nat m') (Z.of_nat n') (matrix_data m' n' p' p'' s' s'') part_ pre)
                      pre 0 each in Ok (Slices each_)
    | Some (Lst _), _, _, _ => NotCovered "slices of more than three modes"
    | _, _, _, _ => NotCovered "each"
    end
  else if (tensor_rule =? "corners")%string then
    let* _ := only h ["axis"; "level"; "rule"] "this rule" in
    let* _ := demand (negb (done_vector d) && forallb is_cube (tl (dmode_norms d))) "proof.polar.rule" in
    let size := fold_right Z.add 0 (map (fun k => Z.of_nat (fst k)) (dright_modes d)) in
    let* _ := covered ((size <=? short) && (Z.shiftl (m * n) size <=? largest)) "this size" in
    let* level := line_level h in Ok (Corners false level)
  else if (tensor_rule =? "cones")%string then
    let* _ := only h ["rule"] "this rule" in
    match modes_of d, dmode_norms d with
    | (_, s) :: _, p :: _ =>
      let order := List.length (modes_of d) in
      let* _ := demand (done_vector d && Nat.leb (dinputs d) 16) "proof.polar.rule" in
      let* _ := covered (match p with LInf => false | _ => true end) "cones of a cube" in
      let* t := cones_of l (pre ++ "tree") (dinputs d) (List.length (power_roots (dinputs d) order s)) in Ok (Cones false t)
    | _, _ => NotCovered "this rule of a tensor"
    end
  else NotCovered "this rule of a tensor".
(* of symmetric matrices: a rule of u^T W v, or a form of x alone *)
Definition twin_polar (h : json) (l : list arr) (m : Z) (d : data) (y : layout) (pre : string) : result polar :=
  match dleft_modes d, dmode_norms d with
  | [(k, s)], [p; p'] =>
    let d' := matrix_data k k p p' s s in
    let* rule_ := text h "rule" in
    let* _ := demand (negb (one_of ["cones"; "corners"] rule_)) "proof.polar.rule" in
    if (rule_ =? "conic")%string then
      let* _ := only h ["boxed"; "nodes"; "rule"] "this rule" in
      let* _ := demand (match find "boxed" (fields_of h) with None => true | Some (Lst []) => true | _ => false end)
                  "proof.polar.boxed" in
      let* _ := covered (match p with Groups _ => false | _ => true end) "groups of a symmetric matrix" in
      let* cuts := cuts_of l (pre ++ "cuts") m in
      match find "nodes" (fields_of h) with
      | Some (Lst nodes) =>
        let* t := tree_of (ball_end l pre) (partings_of m cuts L2 L2) nodes in Ok (Conic (false, false) t)
      | _ => NotCovered "nodes"
      end
    else polar_of h l m m d' y pre
  | _, _ => NotCovered "this rule"
  end.

Definition deep_polar (h : json) (l : list arr) (pre : string) (y : layout) (m : Z) (slope : dyadic) : result polar :=
  let k := hd 0 (layer_sizes y) in let n := last (layer_sizes y) 0 in
  let* deep_rule := text h "rule" in
  if (deep_rule =? "layers")%string then
    let* _ := only h ["F"; "W"; "rule"] "this rule" in
    let* f := field h "F" in let* w := field h "W" in
    let* (cw, lw, sw) := singular_of w l (pre ++ "W.L") m n in
    let* (cf, lf, sf) := singular_of f l (pre ++ "F.L") m k in Ok (DeepLayers cw cf lw lf sw sf)
  else if (deep_rule =? "linear")%string then
    let* _ := only h ["of"; "rule"] "this rule" in
    let* _ := demand (dleb slope one && dleb one slope) "proof.polar.rule" in
    linear_of h l pre k n
  else NotCovered "this rule".

Definition uncorrected (j : json) : bool :=
  match find "corrections" (fields_of j) with None => true | Some (Lst []) => true | _ => false end.
(* W and its corrections, an entry and p/q each: D W, D the odd part of a common denominator; and about 1/D *)
Definition odd_part (q : Z) : Z * Z :=  (* q = odd 2^k *)
  let k := Z.log2 (Z.gcd q (Z.shiftl 1 (Z.log2 q))) in (Z.shiftr q k, k).
Definition fraction (s : string) : option (Z * Z * Z) :=  (* p / (d 2^k) *)
  let minus := prefix "-" s in
  let '(p, a, r) := hexes 0 0 (if minus then substring 1 (String.length s) s else s) in
  let sign_ z := if minus then - z else z in
  match r with
  | String c t =>
    let '(q, b, rest) := hexes 0 0 t in
    if (c =? "/")%char && (rest =? "")%string && (0 <? a) && (0 <? b) && (0 <? q)
    then let (d, k) := odd_part q in Some (sign_ p, d, k) else None
  | "" => if 0 <? a then Some (sign_ p, 1, 0) else None
  end.
Fixpoint corrections_of (size : Z) (l : list json) : result (list (Z * (Z * Z * Z))) :=
  match l with
  | [] => Ok []
  | Lst [Nat_ k; Str x] :: t =>
    let* _ := demand (k <? size) "proof.W.corrections" in
    let* f := known (fraction x) "this correction" in
    let* r := corrections_of size t in Ok ((k, f) :: r)
  | _ => NotCovered "this correction"
  end.
Definition corrections_read (h : json) (size : Z) : result (list (Z * (Z * Z * Z))) :=
  match find "corrections" (fields_of h) with
  | None => Ok [] | Some (Lst l) => corrections_of size l | _ => NotCovered "corrections" end.
(* in their order, no entry twice *)
Fixpoint sorted_in {T} (a : Z * T) (l : list (Z * T)) : list (Z * T) :=
  match l with [] => [a] | b :: t => if fst a <=? fst b then a :: l else b :: sorted_in a t end.
Fixpoint add_at {T} (value_of : T -> Z) (k : Z) (l : list (Z * T)) (x : list Z) : list Z :=
  match x, l with
  | z :: t, (j, v) :: r => if j =? k then z + value_of v :: add_at value_of (k + 1) r t else z :: add_at value_of (k + 1) l t
  | _, _ => x
  end.
Definition fine_denominator : Z := 4096.  (* bits of D: more are not covered *)
Definition corrected (h : json) (l : list arr) (name_ : string) (y : layout) : result (grid * grid * Z * dyadic) :=
  let* (x, e) := floats l name_ [count y] in
  let* listed_ := corrections_read h (count y) in
  let moved := fold_right sorted_in [] listed_ in
  let* _ := demand (rises (-1) (map fst moved)) "proof.W.corrections" in
  let raw := in_column y (Grid (spread y x) e) in
  match moved with
  | [] => Ok (raw, raw, 1, one)
  | _ =>
    let d := fold_right (fun c d => Z.lcm (snd (fst (snd c))) d) 1 moved in
    let* _ := covered (Z.log2 d <=? fine_denominator) "these corrections" in
    let f := fold_right (fun c f => Z.min f (- snd (snd c))) (Z.min e 0) moved in
    let more := add_at (fun c => match c with (p, q, b) => Z.shiftl (p * (d / q)) (- b - f) end) 0 moved
                  (map (fun z => Z.shiftl (d * z) (e - f)) x) in
    let b := Z.log2 d + 256 in
    Ok (in_column y (Grid (spread y more) f), raw, d, Dy (Z.shiftl 1 b / d) (- b))
  end.
(* a proof of the field of floats is one of D W, D times the corrections away *)
Definition beside_corrections (z : Z) (d : data) (x : grid) (h : polar) : result polar :=
  if z =? 1 then Ok h else
  let* _ := covered (match ddeep d, dlayer d, flat_cost d with None, None, Some _ => true | _, _, _ => false end)
    "these corrections" in
  Ok (Near (Dy z 0) x h).

Definition dual_of (p : json) (l : list arr) (m n : Z) (d : data) (y : layout) (pre : string)
  : result (option dual) :=
  match lookup l "proof.W", find "polar" (fields_of p) with
  | None, None => let* _ := covered (uncorrected p) "corrections" in Ok None
  | Some w, Some polar =>
    let* (gw, x, z, most_) := corrected p l "proof.W" y in
    let* how_ := match ddeep d, dlayer d with
      | Some (_, _, slope), _ => deep_polar polar l pre y (hd 0 (all_dims y)) slope
      | _, None => match all_dims y, done_vector d with
        | [_; _], true => twin_polar polar l m d y pre
        | [_; _], false => polar_of polar l m n d y pre
        | _, _ => tensor_polar polar l m n d y pre end
      | _, Some _ => layer_polar polar l m n (Z.of_nat (dinputs d)) pre d gw
      end in
    let* how_ := beside_corrections z d x how_ in
    Ok (Some (Dual gw most_ how_))
  | _, _ => NotCovered "a part of a proof"
  end.

(* a dual point of the candidate's factors alone *)
Definition floor_read (p : json) (l : list arr) (y : layout) : result (option (grid * dyadic)) :=
  let* f := match find "floor" (fields_of p) with
    | None => Ok (Obj [])
    | Some f => let* _ := only f ["corrections"] "a floor" in Ok f end in
  optional_array l "proof.floor.W" (
    let* (g, _, _, most_) := corrected f l "proof.floor.W" y in Ok (g, most_)).

(* Ky Fan: the offsets it starts at are named mu.q0, ... *)
Definition fan_read (p : json) (l : list arr) (m n : Z) (at_ : read_offsets) : result (option fan) :=
  match find "ky_fan" (fields_of p), lookup l "proof.K" with
  | None, None => Ok None
  | Some f, Some k =>
    let* _ := only f ["axis"; "shift"] "this rule" in
    let* shift := shift_of f in
    let* columns := axis_of f m n false "proof.ky_fan.axis" in
    let side := if columns : bool then n else m in
    let w := match dims k with [_; w] => w | _ => 0 end in
    let* gk := matrix l "proof.K" side w in
    let* held := factor_of l "proof.L" side in
    let* _ := covered (match parts_read at_ with [] => true | _ => false end) "Ky Fan's bound of these offsets" in
    let* _ := covered (uncorrected p) "corrections beside Ky Fan's bound" in
    let* a := offset l "proof.mu.q" (column_place (places_read at_)) n in
    let* b := offset l "proof.mu.q" (row_place (places_read at_)) m in
    Ok (Some (Fan columns (Z.to_nat w) gk held shift a b))
  | _, _ => NotCovered "a part of a proof"
  end.

(* better factors, no zero column in them *)
Definition full_columns (r : Z) (g : grid) : bool :=
  forallb (existsb (fun z => negb (z =? 0))) (ints (transpose (Z.to_nat r) g)).
Definition better_of (p : json) (l : list arr) (m n inputs : Z) (y : layout) (one : bool) (at_ : read_offsets) (most : option Z)
  : result (option better) :=
  match find "better" (fields_of p), lookup l "proof.better.U" with
  | None, None => Ok None
  | Some True_, Some _ =>
    let* (r, u, v, each) := factors_read l "proof.better." y one inputs n in
    let* _ := covered (forallb (full_columns r) each) "a zero slice" in
    let* _ := demand (match most with Some k => r <=? k | None => true end) "proof.better: size" in
    let* o := (if is_deep y then Ok (Offsets_ (Grid (repeat [0] (Z.to_nat n)) 0) (Grid (repeat [0] (Z.to_nat m)) 0) empty_grid)
               else offsets_at l "proof.better.q" at_ m n) in
    Ok (Some (Better (Z.to_nat r) u v o))
  | _, _ => NotCovered "better"
  end.

(* a lower bound's rule, and its arrays and these, but no others *)
Definition bound_read (p : json) (l : list arr) (m n : Z) (d : data) (y : layout) (at_ : read_offsets)
    (others : list string) : result (option fan * option dual) :=
  let pre := if down d then "proof.polar." else "proof." in
  let mine := (others ++ ["proof.W"; "proof.K"] ++ rule_arrays p pre (is_deep y)
    ++ match find "ky_fan" (fields_of p) with Some _ => ["proof.L"] | None => [] end
    ++ offset_names "proof.mu.q" (places_read at_))%list in
  let* _ := covered (forallb (fun a => prefix "question." (name a) || one_of mine (name a)) l)
    "an array of another rule" in
  let* f := fan_read p l m n at_ in
  let* _ := covered (match f with Some _ => down d && negb (is_deep y || done_vector d) | None => true end)
              "Ky Fan's bound of any size" in
  let* _ := covered (match f, dloss d with Some _, KullbackLeibler => false | _, _ => true end)
              "Ky Fan's bound of counts" in
  let* w := dual_of p l m n d y pre in Ok (f, w).

(* beside an l1 penalty: lines, each proved by itself; the k-th one's arrays are named line<k>.NAME *)
Definition line_name (k : Z) : string := numbered "proof.line" k ++ ".".
Definition arrays_in (pre : string) (l : list arr) : list arr :=
  flat_map (fun a => if prefix pre (name a) then
    let k := String.length pre in
    [Arr ("proof." ++ substring k (String.length (name a) - k) (name a)) (dtype a) (dims a) (start a) (stop a) (words a)]
    else []) l.
Fixpoint lines_of (k : Z) (each : list json) (l : list arr) (m n : Z) (d : data) (y : layout) (at_ : read_offsets)
  : result (list line) :=
  match each with
  | [] => Ok []
  | x :: rest =>
    let* _ := only x ["norm"; "proof"; "slope"] "a line" in
    let* whose := text x "norm" in
    let* own := if (whose =? "own")%string then Ok true
                else if (whose =? "l1")%string then Ok false else Rejected "proof.lines: norm" in
    let* slope := stated_number x "slope" in
    let* p := field x "proof" in
    let* _ := only p ["corrections"; "ky_fan"; "polar"] "this proof" in
    match without_l1 d own slope with
    | Some d' =>
      let* (f, w) := bound_read p (arrays_in (line_name k) l) m n d' y at_ (offset_names "proof.q" (places_read at_)) in
      let* r := lines_of (k + 1) rest l m n d y at_ in Ok (Line_ own slope f w :: r)
    | None => Rejected "proof.lines: scope"
    end
  end.
Definition lines_read (p : json) (l : list arr) (m n : Z) (d : data) (y : layout) (at_ : read_offsets)
    (others : list string) : result (list line) :=
  let* each := match find "lines" (fields_of p) with
    | None => Ok [] | Some (Lst each) => Ok each | _ => NotCovered "lines" end in
  let* _ := demand (Nat.leb (List.length each) 16) "proof.lines" in
  let names := map line_name (counted_from 0 (List.length each)) in
  let* _ := covered (forallb (fun a => prefix "question." (name a) || one_of others (name a)
    || existsb (fun pre => prefix pre (name a)) names) l) "an array of another rule" in
  lines_of 0 each l m n d y at_.

Definition read (header : string) (body : list Z) : result case :=
  let* h := parsed "," ":" header in
  match h with
  | Obj ((first, meta) :: entries) =>
    let* _ := covered (first =? "__metadata__")%string "the header's order" in
    let* _ := only meta ["certify"] "metadata" in
    let* t := text meta "certify" in
    let* c := parsed ", " ": " t in
    let* _ := only c ["claim"; "proof"; "seal"; "statement"] "metadata" in
    let* l := arrays_of entries 0 body in
    let* s := field c "statement" in let* p := field c "proof" in let* cl := field c "claim" in
    let* seal := text c "seal" in let* verdict := text cl "verdict" in
    let* (m, n, y, at_, d) := asked_of s p l in
    let others := (map (fun k => ("proof.better." ++ factor_name k)%string)
        (seq 0 (if done_vector d then 1 else max (List.length (all_dims y)) (List.length (layer_sizes y) - 1)))
      ++ (if dfound d then offset_names "proof.q" (places_read at_) else [])
      ++ match dfound d, find "better" (fields_of p) with true, Some _ => ["proof.floor.W"] | _, _ => [] end
      ++ offset_names "proof.better.q" (places_read at_))%list in
    let* e := match find "l1" (fields_of s) with
      | None =>
        let* _ := only p ["better"; "corrections"; "floor"; "ky_fan"; "polar"] "this proof" in
        let* (f, w) := bound_read p l m n d y at_ others in Ok (Single f w)
      | Some _ =>
        let* _ := only p ["better"; "floor"; "lines"] "this proof" in
        let* x := lines_read p l m n d y at_ others in Ok (Lines_ x)
      end in
    let* b := better_of p l m n (Z.of_nat (dinputs d)) y (done_vector d) at_ (if down d then Some (Z.of_nat (dr d)) else None) in
    let* g := floor_read p l y in
    Ok (Case s verdict seal (canonical (Lst [s; cl; p])) l d e g b)
  | _ => NotCovered "the header's order"
  end.

(* digests *)
Fixpoint insert (a : string * string) (l : list (string * string)) : list (string * string) :=
  match l with
  | [] => [a]
  | b :: t => if String.leb (fst a) (fst b) then a :: l else b :: insert a t
  end.

Section Answer.
Variable sha : string -> Z -> Z -> string.

Definition digest (a : arr) : string :=
  sha (canonical (Lst [Str (dtype a); Lst (map Nat_ (dims a))])) (start a) (stop a).
Definition identity (a : arr) : string :=
  canonical (Obj [("dtype", Str (dtype a)); ("sha256", Str (digest a)); ("shape", Lst (map Nat_ (dims a)))]).

Definition bare (n : string) : string := substring 9 (String.length n) n.
Definition named (s : json) (l : list arr) : bool :=  (* the statement's arrays are the file's *)
  let mine := filter (fun a => prefix "question." (name a)) l in
  let theirs := match find "arrays" (fields_of s) with Some j => fields_of j | None => [] end in
  (Z.of_nat (List.length mine) =? Z.of_nat (List.length theirs))
  && forallb (fun a => match find (bare (name a)) theirs with
                       | Some j => (canonical j =? identity a)%string | None => false end) mine.
Definition seal (c : case) : string :=
  let sorted := fold_right (fun a l => insert (name a, digest a) l) [] (held c) in
  let rest := joined "" (map (fun p => fst p ++ ":" ++ snd p ++ ";") sorted) in
  sha (sealed_text c ++ "|" ++ rest) 0 0.

Definition word (v : verdict) : string :=
  match v with Certified => "CERTIFIED" | Refuted => "REFUTED" | RankLimited => "RANK_LIMITED"
  | Undecided => "UNDECIDED" end.

(* the bracket, the verdict and the question that was read *)
Definition answer (header : string) (body : list Z) : result (dyadic * dyadic * verdict * string) :=
  let* c := read header body in
  let* _ := demand (seal c =? sealed c)%string "file: digest" in
  let* _ := demand (named (stated c) (held c)) "statement.arrays: question" in
  match check_with mul_fast (question_ c) (evidence_of c) (floor_of c) (improved c) with
  | Some (lower, upper, v) =>
    let* _ := demand (word v =? claimed c)%string ("claim.verdict: not proved, " ++ word v) in
    let* _ := demand (match improved c, v with
                      | Some _, Certified => false | Some _, Undecided => false | _, _ => true end)
                "proof.better: idle" in
    Ok (lower, upper, v, canonical (stated c))
  | None => Rejected "proof"
  end.
End Answer.
