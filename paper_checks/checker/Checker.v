(* The checker: integers and lists.  A grid is rows of integers times 2^ex, as `Grid` of the
   Python kernel; a dyadic number is num 2^dex.  Nothing is rounded but where a name says so. *)

From Coq Require Import ZArith.
From mathcomp Require Import ssreflect ssrfun ssrbool ssrnat eqtype seq.
From mathcomp Require path.
From Checker Require Import Words.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Record grid := Grid { ints : seq (seq Z); ex : Z }.
Record dyadic := Dy { num : Z; dex : Z }.

(* dyadic numbers *)
Definition lift (z e e' : Z) : Z := Z.shiftl z (Z.sub e e').  (* z 2^e in units of 2^e', e' <= e *)
Definition dop (f : Z -> Z -> Z) (a b : dyadic) : dyadic :=
  let e := Z.min (dex a) (dex b) in Dy (f (lift (num a) (dex a) e) (lift (num b) (dex b) e)) e.
Definition dadd := dop Z.add.
Definition dsub := dop Z.sub.
Definition dmul (a b : dyadic) := Dy (Z.mul (num a) (num b)) (Z.add (dex a) (dex b)).
Definition dleb (a b : dyadic) := Z.leb (num (dsub a b)) Z0.
Definition dltb (a b : dyadic) := Z.ltb (num (dsub a b)) Z0.
Definition dmin (a b : dyadic) := if dleb a b then a else b.
Definition dmax (a b : dyadic) := if dleb a b then b else a.
Definition dhalf (a : dyadic) := Dy (num a) (Z.pred (dex a)).
Definition dabs (a : dyadic) := Dy (Z.abs (num a)) (dex a).
Definition dzero := Dy Z0 Z0.
Definition one := Dy (Zpos xH) Z0.

(* rows *)
Fixpoint dotz (acc : Z) (x y : seq Z) : Z :=
  if x is a :: x' then if y is b :: y' then dotz (Z.add acc (Z.mul a b)) x' y' else acc else acc.

Fixpoint sumz (f : Z -> Z -> Z) (acc : Z) (x y : seq Z) : Z :=
  if x is a :: x' then if y is b :: y' then sumz f (Z.add acc (f a b)) x' y' else acc else acc.

Fixpoint sumabs (acc : Z) (x : seq Z) : Z :=
  if x is a :: x' then sumabs (Z.add acc (Z.abs a)) x' else acc.

Fixpoint zip_with (T S P : Type) (f : T -> S -> P) (x : seq T) (y : seq S) : seq P :=
  if x is a :: x' then if y is b :: y' then f a b :: zip_with f x' y' else [::] else [::].

(* matrices *)
Definition mul_tr (a b : grid) : grid :=  (* A B^T *)
  Grid (map (fun x => map (dotz Z0 x) (ints b)) (ints a)) (Z.add (ex a) (ex b)).
Definition regrid (a : grid) (e : Z) : seq (seq Z) := map (map (fun z => lift z (ex a) e)) (ints a).
Definition gop (f : Z -> Z -> Z) (a b : grid) : grid :=
  let e := Z.min (ex a) (ex b) in Grid (zip_with (zip_with f) (regrid a e) (regrid b e)) e.
Definition gadd := gop Z.add.
Definition gsub := gop Z.sub.
Definition scalar (n : nat) (s : dyadic) : grid :=
  Grid (mkseq (fun i => ncons i Z0 (num s :: nseq (n - i.+1) Z0)) n) (dex s).
Definition row_max (a : grid) : dyadic :=
  Dy (foldl (fun m r => Z.max m (sumabs Z0 r)) Z0 (ints a)) (ex a).
Definition transpose (n : nat) (a : grid) : grid :=
  Grid (foldr (zip_with cons) (nseq n [::]) (ints a)) (ex a).

Fixpoint sum_rows (f : Z -> Z -> Z) (acc : Z) (x y : seq (seq Z)) : Z :=  (* sum f(x_ij, y_ij) *)
  if x is a :: x' then if y is b :: y' then sum_rows f (sumz f acc a b) x' y' else acc else acc.
Definition inner (a b : grid) : dyadic :=
  Dy (sum_rows Z.mul Z0 (ints a) (ints b)) (Z.add (ex a) (ex b)).
Definition squares (c x : grid) : dyadic :=  (* sum c x^2 *)
  Dy (sum_rows (fun c x => Z.mul c (Z.mul x x)) Z0 (ints c) (ints x))
     (Z.add (ex c) (Z.add (ex x) (ex x))).

Definition ceil_div (a b : Z) : Z := Z.opp (Z.div (Z.opp a) b).
Definition guard : Z := 256.  (* bits below the unit wherever something is rounded *)

(* roots: Newton's, from above; a guess, which is tested *)
Definition places : seq Z := [:: 8388608; 4194304; 2097152; 1048576; 524288; 262144; 131072; 65536; 32768; 16384; 8192;
  4096; 2048; 1024; 512; 256; 128; 64; 32; 16; 8; 4; 2; 1]%Z.
Fixpoint log_by (places : seq Z) (x : Z) : Z :=
  if places is b :: rest then
    let high := Z.shiftr x b in if Z.eqb high Z0 then log_by rest x else Z.add b (log_by rest high)
  else Z0.
Definition log_guess (x : Z) : Z := log_by places x.  (* of x >= 1, to base 2, rounded down *)
Fixpoint newton (fuel : nat) (x s : Z) : Z :=
  if fuel is S k then
    let t := Z.div (Z.add s (Z.div x s)) 2 in if Z.ltb t s then newton k x t else s
  else s.
Definition root_guess (x : Z) : Z :=
  newton 64 x (Z.shiftl 1 (Z.div (Z.add (log_guess x) 3) 2)).
Definition root_down (x : Z) : Z :=
  let s := root_guess x in if Z.leb Z0 s && Z.leb (Z.mul s s) x then s else Z0.
Definition root_up (x : Z) : Z :=
  let s := root_guess x in let t := if Z.ltb (Z.mul s s) x then Z.succ s else s in
  if Z.leb Z0 t && Z.leb x (Z.mul t t) then t else Z.succ (Z.abs x).
(* e^x of x in units of 2^-100, in units of 2^-200: (1 + x / 2^100) squared 100 times, outward *)
Definition fine : Z := 200.
Definition unit_ : Z := Eval compute in Z.pow 2 200.
Definition half_ : Z := Eval compute in Z.pow 2 100.
Definition mul_down (x y : Z) : Z := Z.shiftr (Z.mul x y) fine.
Definition mul_up (x y : Z) : Z := Z.succ (Z.shiftr (Z.mul x y) fine).
Fixpoint times (k : nat) (f : Z -> Z) (x : Z) : Z := if k is S k' then times k' f (f x) else x.
Definition halvings : nat := 100.
Definition squared_down (x : Z) : Z := times halvings (fun v => mul_down v v) (Z.max Z0 (Z.add unit_ x)).
Definition squared_up (x : Z) : Z :=  (* x < unit_ *)
  times halvings (fun v => mul_up v v) (Z.succ (Z.div (Z.mul unit_ unit_) (Z.sub unit_ x))).

(* The same in less time: |x| < 2^14 is a sum of multiples k 2^s, k < 32, whose powers are in a
   table, and a rest below 2^-41; `rows.1` is for x > 0, `rows.2` for x < 0. *)
Definition steps : seq Z := [:: 109; 104; 99; 94; 89; 84; 79; 74; 69; 64; 59]%Z.
Definition small_ : Z := Eval compute in Z.pow 2 59.
Fixpoint powers (mul : Z -> Z -> Z) (n : nat) (x v y w : Z) : seq (Z * Z) :=  (* y, e^y; y + x, ...; v is e^x, w e^y *)
  if n is S k then (y, w) :: powers mul k x v (Z.add y x) (mul w v) else [::].
Definition table (mul : Z -> Z -> Z) (f : Z -> Z) : seq (Z * seq (Z * Z)) :=
  map (fun s => let x := Z.shiftl 1 s in (s, powers mul 32 x (f x) Z0 unit_)) steps.
Fixpoint pick (k : Z) (row : seq (Z * Z)) : Z * Z :=
  if row is e :: rest then if Z.leb k Z0 then e else pick (Z.pred k) rest else (Z0, unit_).
Fixpoint reduce (mul : Z -> Z -> Z) (rows : seq (Z * seq (Z * Z))) (x v : Z) : Z * Z :=
  if rows is (s, row) :: rest then
    let k := Z.shiftr x s in
    if Z.eqb k Z0 then reduce mul rest x v else
    let e := pick k row in reduce mul rest (Z.sub x e.1) (mul v e.2)
  else (x, v).
Definition tables (mul : Z -> Z -> Z) (f : Z -> Z) := (table mul f, table mul (fun x => f (Z.opp x))).
Definition exp_by (mul : Z -> Z -> Z) (rows : seq (Z * seq (Z * Z)) * seq (Z * seq (Z * Z)))
    (near slow : Z -> Z) (x : Z) : Z :=
  if Z.eqb x Z0 then unit_ else
  let minus := Z.ltb x Z0 in
  let e := reduce mul (if minus then rows.2 else rows.1) (Z.abs x) unit_ in
  if Z.leb Z0 e.1 && Z.leb e.1 small_ then mul e.2 (near (if minus then Z.opp e.1 else e.1)) else slow x.
Definition near_down (r : Z) : Z := Z.mul half_ (Z.add half_ r).  (* 1 + r <= e^r *)
Definition near_up (r : Z) : Z := let s := Z.mul r r in Z.add (near_down r) (Z.add s s).  (* >= e^r *)
(* what is computed where it is used first, and once: only a loss with exp or log needs them *)
CoInductive delayed (T : Type) := Delayed (x : T).
Definition needed (T : Type) (x : delayed T) : T := let: Delayed y := x in y.
Definition rows_down := Delayed (tables mul_down squared_down).
Definition rows_up := Delayed (tables mul_up squared_up).
Definition exp_down (x : Z) : Z := exp_by mul_down (needed rows_down) near_down squared_down x.
Definition exp_up (x : Z) : Z := exp_by mul_up (needed rows_up) near_up squared_up x.  (* x < unit_ *)

(* about ln(x / y) in units of 2^-100, a guess: 2 artanh((z - 1) / (z + 1)), x / y = z 2^(a - b) *)
Definition rough : Z := 30.
Fixpoint artanh (fuel : nat) (k term square acc : Z) : Z :=
  if fuel is S n then
    artanh n (Z.succ (Z.succ k)) (Z.shiftr (Z.mul term square) rough) square (Z.add acc (Z.div term k))
  else acc.
Definition ln2 : Z := 780414346020669.  (* in units of 2^-50 *)
Definition log_near (x y : Z) : Z :=
  let a := log_guess x in let b := log_guess y in
  let u := Z.shiftl x (Z.sub rough a) in let v := Z.shiftl y (Z.sub rough b) in
  let t := Z.div (Z.shiftl (Z.sub u v) rough) (Z.add u v) in
  let l := artanh 10 1 t (Z.shiftr (Z.mul t t) rough) Z0 in
  Z.shiftl (Z.add (Z.add l l) (Z.shiftr (Z.mul (Z.sub a b) ln2) 20)) 70.

(* t with x <= y e^t, x >= 0, and with y e^t <= x, x > 0; y > 0, or both are 0.  From a guess g of t
   follows r, x <= y e^g (1 + r), and likewise from a guess of ln(1 + r) the rest *)
Definition anchor (g : Z) : Z * Z := let v := exp_down g in if Z.ltb Z0 v then (g, v) else (Z0, unit_).
Definition surplus (v x y : Z) : Z :=
  let w := Z.mul y v in ceil_div (Z.mul half_ (Z.sub (Z.mul x unit_) w)) w.
Definition log_near_one (r : Z) : Z :=
  if Z.ltb (Z.abs r) half_ then Z.sub r (Z.shiftr (Z.mul r r) 101) else Z0.
Definition log_above (x y : Z) : Z :=
  if Z.leb x Z0 || Z.eqb x y then Z0 else
    let g := anchor (log_near x y) in let r := surplus g.2 x y in
    let h := anchor (log_near_one r) in Z.add (Z.add g.1 h.1) (surplus h.2 (Z.add half_ r) half_).
Definition log_below (x y : Z) : Z := Z.opp (log_above y x).

(* ends of ln(1 + e^(r 2^e)), in units of 2^-100 *)
Definition round_down (r e : Z) : Z :=  (* r 2^e in units of 2^-100 *)
  let k := Z.add e 100 in if Z.leb Z0 k then Z.shiftl r k else Z.div r (Z.shiftl 1 (Z.opp k)).
Definition round_up (r e : Z) : Z := Z.opp (round_down (Z.opp r) e).

Definition softplus_up (r e : Z) : Z :=
  let v := exp_up (round_up (Z.opp (Z.abs r)) e) in
  Z.add (round_up (Z.max Z0 r) e) (log_above (Z.add unit_ v) unit_).
Definition softplus_down (r e : Z) : Z :=
  let v := exp_down (round_down (Z.opp (Z.abs r)) e) in
  Z.add (round_down (Z.max Z0 r) e) (log_below (Z.add unit_ v) unit_).

(* ends of h(z; y) of a count, z and y in units of 2^e, e <= 0; and their unit *)
Definition reach_ : Z := Eval compute in Z.pow 2 114.  (* of e^z: z <= 2^14 *)
Definition count_unit (T : Type) (l : loss_form T) (e : Z) : Z :=
  if signed l then Z.sub (Z.add e e) 200 else Z.sub e 100.
Definition count_end (T : Type) (l : loss_form T) (up : bool) (e z y : Z) : Z :=
  if signed l then
    let x := if up then exp_up (round_up z e) else exp_down (round_down z e) in
    Z.sub (Z.shiftl x (Z.opp (Z.add e e))) (Z.mul (Z.mul y z) unit_)
  else
    let t := if Z.leb y Z0 then Z0 else if up then log_above y z else log_below y z in
    Z.add (Z.mul (Z.sub z y) half_) (Z.mul y t).

(* ends of ln(sum e^z) - z for each z of a row, in units of 2^-100 *)
Definition highest (r : seq Z) : Z := if r is z :: r' then foldr Z.max z r' else Z0.
Definition class_ends (up : bool) (e : Z) (r : seq Z) : seq Z :=
  let top := highest r in
  let exp_ z _ := let x := Z.sub z top in if up then exp_up (round_up x e) else exp_down (round_down x e) in
  let s := Z.max unit_ (sumz exp_ Z0 r r) in
  let t := if up then log_above s unit_ else log_below s unit_ in
  map (fun z => Z.add t (if up then round_up (Z.sub top z) e else round_down (Z.sub top z) e)) r.

Definition ones (a : grid) := Z.eqb (ex a) Z0 && all (all (Z.eqb 1)) (ints a).
Definition squares_over_up (w c : grid) : dyadic :=  (* sum w^2 / c, rounded up *)
  if ones c then inner w w else
  let top := foldl (foldl Z.max) Z0 (ints c) in let b := Z.add guard (Z.log2 top) in
  Dy (sum_rows (fun w c => ceil_div (Z.shiftl (Z.mul w w) b) c) Z0 (ints w) (ints c))
     (Z.sub (Z.sub (Z.add (ex w) (ex w)) (ex c)) b).

Definition over_down (x : dyadic) (k : Z) : dyadic :=
  Dy (Z.div (Z.shiftl (num x) guard) k) (Z.sub (dex x) guard).
Definition over_up (x : dyadic) (k : Z) : dyadic :=
  Dy (ceil_div (Z.shiftl (num x) guard) k) (Z.sub (dex x) guard).
Fixpoint power (x : dyadic) (k : nat) : dyadic := if k is S k' then dmul x (power x k') else one.

Definition wide (n : nat) (a : grid) := all (fun r => Nat.leb (size r) n) (ints a).
Definition shaped (m n : nat) (a : grid) :=
  eqn (size (ints a)) m && all (fun r => eqn (size r) n) (ints a).
Definition nonneg (a : grid) := all (all (Z.leb Z0)) (ints a).
Definition meets_ (s : sign) (a : grid) : bool :=
  match s with
  | Free => true
  | NonNegative => nonneg a
  | NonPositive => all (all (fun z => Z.leb z Z0)) (ints a)
  end.
(* u^T X v >= 0 for all u and v of these signs *)
Definition nonneg_on (s s' : sign) (x : grid) : bool :=
  match s, s' with
  | NonNegative, NonNegative | NonPositive, NonPositive => meets_ NonNegative x
  | NonNegative, NonPositive | NonPositive, NonNegative => meets_ NonPositive x
  | _, _ => false
  end.
Definition le_ (a b : grid) : bool := nonneg (gsub b a).
Definition zeros (a : grid) := all (all (Z.eqb Z0)) (ints a).
Definition unit_row (n : nat) := Grid [:: nseq n (Zpos xH)] Z0.
Definition unit_column (n : nat) := Grid (nseq n [:: Zpos xH]) Z0.
Definition gscale (s : dyadic) (a : grid) :=
  Grid (map (map (Z.mul (num s))) (ints a)) (Z.add (ex a) (dex s)).
Definition entrywise (a b : grid) :=
  Grid (zip_with (zip_with Z.mul) (ints a) (ints b)) (Z.add (ex a) (ex b)).
Definition beside (a b : grid) : grid :=  (* [A B] *)
  let e := Z.min (ex a) (ex b) in Grid (zip_with cat (regrid a e) (regrid b e)) e.
Definition above (a b : grid) : grid :=  (* A, and B below it *)
  let e := Z.min (ex a) (ex b) in Grid (regrid a e ++ regrid b e) e.
Definition filled (m n : nat) := Grid (nseq m (nseq n (Zpos xH))) Z0.
Definition blank (m n : nat) := Grid (nseq m (nseq n Z0)) Z0.
Definition symmetric (n : nat) (a : grid) := all2 (all2 Z.eqb) (ints (transpose n a)) (ints a).
Fixpoint zero_last (x : seq (seq Z)) : seq (seq Z) :=
  if x is r :: x' then if x' is [::] then [:: map (fun _ => Z0) r] else r :: zero_last x' else [::].
(* what costs something: all rows, or all but the last one *)
Definition priced_ (free : bool) (a : grid) : grid := if free then Grid (zero_last (ints a)) (ex a) else a.
Definition where_ (c x : grid) : grid :=  (* x, but 0 where c is 0 *)
  Grid (zip_with (zip_with (fun c x => if Z.eqb c Z0 then Z0 else x)) (ints c) (ints x)) (ex x).
Definition minus_one := Dy (Zneg xH) Z0.
Definition supported (w c : grid) :=  (* W is 0 where nothing is observed *)
  all2 (all2 (fun w c => Z.ltb Z0 c || Z.eqb w Z0)) (ints w) (ints c).

(* the question, and what the file holds to prove it; offsets as columns, and X *)
Record offsets_ := Offsets_ { oA : grid; oB : grid; oX : grid }.
Record designs := Designs {  (* A, B, the entries of X that are fitted, and what they cost *)
  left_width_ : nat; right_width_ : nat; xA : grid; xB : grid; xM : grid; xP : grid; xR : grid }.
Record data := Data {
  dm : nat; dn : nat; dinputs : nat; dr : nat;
  dlayer : option (grid * dyadic); dfree : bool;  (* features and slope of a hidden layer, free biases *)
  dpatches : nat; dpool : option (seq nat * bool);  (* each patch's row of Y; the largest, or the sum *)
  ddeep : option (grid * seq nat * dyadic);  (* features, sizes of the layers and slope of a deep network *)
  dY : grid; dC : grid; dloss : loss_form dyadic; dlam : dyadic; dform : theta_form;
  dleft_norm : norm_form dyadic; dright_norm : norm_form dyadic; dl1 : dyadic * dyadic; dleft : sign; dright : sign;
  dleft_modes : modes; dright_modes : modes; dmode_norms : seq (norm_form dyadic); done_vector : bool;  (* of a tensor *)
  dcolumns : bool; drows : bool; dP : grid; dQ : grid; dX : designs; down : bool;  (* ridges as columns *)
  dU : grid; dV : grid; dO : offsets_; dfound : bool;
  drtol : dyadic; datol : dyadic }.

(* a tree of splits with a proof at each end; of cases: on which side of a row of F, or of another, and
   what holds everywhere: p_i is at most such a sum of other p_j and q_j, or a sum of rows is at most what it
   is where one of them is 0 (`row_of`) *)
Definition sparse := seq (nat * dyadic).
Inductive plane := Row (i : nat) | Line (a : grid) | Above (i : nat) (of_ : sparse) | Range (of_ : sparse).
Definition step := (plane * bool)%type.
Inductive tree (S T : Type) :=
  Leaf (proof : T) | Cut (s : S) (plus minus : tree S T) | Fact (s : S) (next : tree S T).
Arguments Leaf {S T} proof.
Notation cases := (tree plane).
Record form_proof := Form { fN : option grid; fL : option grid; fshift : dyadic }.
Record chord := Chord { place : nat; kappa : dyadic; to_low : sparse; to_high : sparse }.
Inductive layer_proof :=
| Quadratic (w : form_proof) (tau level beside_ : dyadic) (radial : option dyadic) (linear : bool)
    (cone : option (grid * seq dyadic))
| Cell (mu rho : sparse) (chords : seq chord).
Inductive sided (T : Type) :=  (* of one output as it is, or where it is >= 0 and where it is <= 0 *)
| Whole (t : T)
| Signs (plus minus : option T).
Arguments Signs {T}.
Notation output_proof := (sided (cases layer_proof)).
(* of the largest of patches, in a part of a tree of splits by rows: of each row of Y the number of its base,
   or -1, and a proof of a layer that sums patches *)
Record pooled_end := PooledEnd { bases : seq Z; summed : output_proof }.
Record pooled_proof := PooledProof { split_rows : grid; pooled_tree : cases pooled_end }.
(* multipliers of products: a number at each pair of places, told by their indices in the modes; a null
   one is taken away again where each pair of indices is in order *)
Record multiplier := Multiplier {
  on_right : bool; null : bool; unit_ex : Z; entries_at : seq (seq nat * seq nat * Z) }.
(* where v^T Q v has a sign, v the vector of a mode: that sign times v^T Q v |F^T y|^2, y the product of
   the other vectors of its group, whose indices are told *)
Record split := Split { split_right : bool; split_mode : nat; split_Q : grid }.
Record part := Part { of_split : nat; rests : seq (seq nat); pF : grid }.
Record product_proof := ProductProof { added : seq multiplier; parts : seq part; pL : option grid; pshift : dyadic }.
(* the unit ball of a norm, or with `at_corner` a cube [-1, 1]^k; a part of a product of two, where rows have
   signs, each coordinate is so many times another one, or itself, and some are not in a group alone *)
Record ball := Ball { width_ : nat; norm_in : norm_form dyadic; sign_in : sign; at_corner : bool }.
Inductive parting := AtLine (a : grid) | Alike (i j : nat) | Alone (at_right : bool) (c : nat).
Record piece := Piece { sides_at : seq step; copies : seq (nat * Z); not_in : seq nat * seq nat }.
(* multipliers of squares, and of products of entries of u and of v *)
Record ball_proof := BallProof { in_form : form_proof; pD : option grid; pS : option grid * option grid }.
(* of the products of the rows and of the columns: W W^T, [[0, W], [W^T, 0]], or where both are the same (W + W^T) / 2 *)
Inductive relaxation := Gram | Hat | Half.
Inductive polar :=
| Products (form : relaxation) (n : option grid) (splits : seq split) (t : cases product_proof)
| Spectral (by_columns : bool) (scales : option (grid * grid)) (n m l : option grid) (shift : dyadic)
| Conic (boxes : bool * bool) (t : tree parting ball_proof)
| Lines (level : option dyadic)
| Cones (by_columns : bool) (roots : seq (tree (nat * nat) unit))
| Layer (t : cases layer_proof)
| Outputs (each : seq output_proof)
| Pooled (each : seq (sided pooled_proof))
| DeepLayers (cw cf : bool) (lw lf : option grid) (sw sf : dyadic)
| DeepLinear (c : bool) (l : option grid) (shift : dyadic)
| Corners (by_columns : bool) (level : option dyadic)
| Near (z : dyadic) (x : grid) (of_x : polar)  (* about z x *)
| Slices (each : seq polar).
(* a dual point, of which a multiple is taken, about that at most *)
Record dual := Dual { dW : grid; at_most : dyadic; how : polar }.
Record fan := Fan {
  fan_columns : bool; fwidth : nat; fK : grid; fan_L : option grid; fan_shift : dyadic;
  fA : grid; fB : grid }.
(* a lower bound's witness: these two, or beside an l1 penalty lines, each of a question without it *)
Record line := Line_ { own_norms : bool; slope_of : dyadic; line_fan : option fan; line_dual : option dual }.
Inductive evidence := Single (f : option fan) (p : option dual) | Lines_ (l : seq line).
Record better := Better { bsize : nat; bU : grid; bV : grid; bO : offsets_ }.

(* offsets as columns: nothing where nothing is fitted *)
Definition means_ok (d : data) (a b : grid) : bool :=
  [&& shaped (dn d) 1 a, shaped (dm d) 1 b, dcolumns d || zeros a & drows d || zeros b].
Definition offsets_ok (d : data) (o : offsets_) : bool :=
  let x := dX d in
  [&& means_ok d (oA o) (oB o), shaped (left_width_ x) (right_width_ x) (oX o) & supported (oX o) (xM x)].
(* of a tensor the vectors of each mode, below each other in U, and their products, column by column *)
Definition modes_of (d : data) : modes := dleft_modes d ++ dright_modes d.
Definition is_tensor (d : data) : bool := if modes_of d is _ :: _ then true else false.
Fixpoint mode_grids (one : bool) (l : modes) (u : grid) : seq grid :=
  if l is d :: l' then
    Grid (take d.1 (ints u)) (ex u) :: mode_grids one l' (if one then u else Grid (drop d.1 (ints u)) (ex u))
  else [::].
Definition vectors_of (d : data) (u : grid) : seq grid := mode_grids (done_vector d) (modes_of d) u.
Fixpoint products_of (r : nat) (f : seq grid) : grid :=
  if f is a :: f' then
    let b := products_of r f' in Grid (allpairs (zip_with Z.mul) (ints a) (ints b)) (Z.add (ex a) (ex b))
  else Grid [:: nseq r (Zpos xH)] Z0.
Definition signs_ok (l : modes) (f : seq grid) : bool := all (fun x => meets_ x.1.2 x.2) (zip l f).
Definition left_products (d : data) (r : nat) (u : grid) := products_of r (take (size (dleft_modes d)) (vectors_of d u)).
Definition right_products (d : data) (r : nat) (u : grid) := products_of r (drop (size (dleft_modes d)) (vectors_of d u)).
Definition completes_ (d : data) (r : nat) (u v : grid) : bool :=
  if ddeep d is Some _ then ones v else
  if is_tensor d then signs_ok (modes_of d) (vectors_of d u) && zeros (gsub v (right_products d r u)) else true.
Definition point_ok (d : data) (r : nat) (u v : grid) (o : offsets_) : bool :=
  [&& shaped (dinputs d) r u, shaped (dn d) r v, meets_ (dleft d) u, meets_ (dright d) v
    & offsets_ok d o && completes_ d r u v].

(* numbers of a loss, and labels of what is seen, that it is defined for *)
Definition defined_ (l : loss_form dyadic) : bool :=
  match l with
  | Huber delta => Z.ltb Z0 (num delta)
  | Quantile tau => Z.ltb Z0 (num tau) && dltb tau one
  | _ => true
  end.
Definition labels_ok (d : data) : bool :=
  (~~ labelled (dloss d) || zeros (entrywise (dC d)
    (gsub (entrywise (dY d) (dY d)) (filled (dm d) (dn d)))))
  && (~~ logistic (dloss d) || zeros (entrywise (dC d)
    (entrywise (dY d) (gsub (dY d) (filled (dm d) (dn d))))))
  && (~~ counted (dloss d) || nonneg (entrywise (dC d) (dY d))).

(* each patch is of a row; their largest is taken where the slope is 0 and no bias is free *)
Definition pool_ok (d : data) (a : dyadic) : bool :=
  if dpool d is Some (s, largest) then
    [&& eqn (size s) (dpatches d), all (fun k => Nat.ltb k (dm d)) s
      & ~~ largest || (Z.eqb (num a) Z0 && ~~ dfree d)]
  else eqn (dpatches d) (dm d).
(* layers that stand behind each other, row by row *)
Fixpoint chunks (k n : nat) (x : seq Z) : seq (seq Z) := if k is S k' then take n x :: chunks k' n (drop n x) else [::].
Fixpoint layers_size (d : nat) (l : seq nat) : nat := if l is e :: l' then d * e + layers_size e l' else 0.
Fixpoint layer_squares (d : nat) (l : seq nat) (w : seq Z) : seq Z :=
  if l is e :: l' then
    let x := take (d * e) w in dotz Z0 x x :: layer_squares e l' (drop (d * e) w) else [::].
Definition deep_ok (d : data) (x : grid * seq nat * dyadic) : bool :=
  let '(f, widths, a) := x in
  if widths is c :: l then
    [&& shaped (size (ints f)) c f, eqn (dm d) (size (ints f) * last c l), eqn (dn d) 1, eqn (dinputs d) (layers_size c l)
      & [&& Nat.ltb 1 (size l), Z.leb Z0 (num a) & negb (is_tensor d)]]
  else false.
(* how the modes of a tensor are unfolded; all have one size where their vectors are the same *)
Definition tensor_ok (d : data) : bool :=
  let s := map fst (modes_of d) in
  [&& eqn (size_of (dleft_modes d)) (dm d), eqn (size_of (dright_modes d)) (dn d),
      Nat.ltb 0 (size (dleft_modes d)) && Nat.ltb 0 (size (dright_modes d)),
      if done_vector d then all (eqn (dinputs d)) s else eqn (sumn s) (dinputs d)
    & if dlayer d is None then true else false].
Definition layer_ok (d : data) : bool :=
  if ddeep d is Some x then deep_ok d x else
  if is_tensor d then tensor_ok d else
  if dlayer d is Some (f, a) then shaped (dpatches d) (dinputs d) f && pool_ok d a
  else [&& eqn (dinputs d) (dm d), eqn (dpatches d) (dm d), ~~ dfree d & if dpool d is None then true else false].
Definition row_of_patch_ (d : data) (k : nat) : nat := if dpool d is Some (s, _) then nth 0 s k else k.
Definition largest_ (d : data) : bool := if dpool d is Some (_, b) then b else false.
(* W on the patches, and what is of each row of them *)
Definition pull_ (d : data) (w : grid) : grid :=
  if dpool d is Some (s, _) then Grid (map (nth [::] (ints w)) s) (ex w) else w.
Definition buckets (T : Type) (m : nat) (s : seq nat) (x : seq T) : seq (seq T) :=
  foldr (fun p l => set_nth [::] l p.1 (p.2 :: nth [::] l p.1)) (nseq m [::]) (zip s x).
Definition pool_ (d : data) (r : nat) (x : grid) : grid :=
  if dpool d is Some (s, largest) then
    Grid (map (foldr (zip_with (if largest then Z.max else Z.add)) (nseq r Z0)) (buckets (dm d) s (ints x))) (ex x)
  else x.
Definition norm_ok (p : norm_form dyadic) (k : nat) : bool :=
  match p with
  | Weighted w => eqn (size w) k && all (fun x => Z.ltb Z0 (num x)) w
  | Elastic alpha => Z.leb Z0 (num alpha) && dleb alpha one
  | Groups g | LargestGroup g => eqn (size g) k && all (fun c => Nat.ltb c k) g
  | _ => true
  end.
Definition norms_ok (d : data) : bool :=
  [&& norm_ok (dleft_norm d) (dinputs d), norm_ok (dright_norm d) (dn d), eqn (size (dmode_norms d)) (size (modes_of d))
    & all (fun x => norm_ok x.1 x.2.1) (zip (dmode_norms d) (modes_of d))].
Definition designs_ok (d : data) : bool :=
  let x := dX d in let p := left_width_ x in let k := right_width_ x in
  [&& shaped (dm d) p (xA x), shaped (dn d) k (xB x), shaped p k (xM x), shaped p k (xP x) && nonneg (xP x)
    & shaped p k (xR x) && nonneg (xR x)].
Definition ridges_ok (d : data) : bool :=
  [&& shaped (dn d) 1 (dP d), nonneg (dP d), shaped (dm d) 1 (dQ d), nonneg (dQ d) & designs_ok d].

Definition prices_ok (d : data) : bool := Z.leb Z0 (num (dl1 d).1) && Z.leb Z0 (num (dl1 d).2).

Definition well_formed (d : data) : bool :=
  [&& shaped (dm d) (dn d) (dY d), shaped (dm d) (dn d) (dC d), nonneg (dC d),
      point_ok d (dr d) (dU d) (dV d) (dO d)
    & [&& layer_ok d && norms_ok d, Z.leb Z0 (num (dlam d)), ridges_ok d && prices_ok d, defined_ (dloss d) & labels_ok d]].

(* twice what a residual r costs, in units of 2^2e, if r is in units of 2^e; so fine a grid that the
   loss's number and 1 are integers on it *)
Definition finest (l : loss_form dyadic) (e : Z) : Z :=
  Z.min (Z.min e Z0) (match l with Huber x | Quantile x => dex x | _ => Z0 end).
Definition costs_ (l : loss_form dyadic) (e r : Z) : Z :=
  let on x := lift (num x) (dex x) e in
  match l with
  | Squared => Z.mul r r
  | Huber delta => let d := on delta in
      if Z.leb (Z.abs r) d then Z.mul r r else Z.mul d (Z.sub (Z.mul 2 (Z.abs r)) d)
  | Quantile tau =>
      Z.mul 2 (Z.mul (if Z.leb Z0 r then on tau else Z.sub (on tau) (on one)) r)
  | Absolute => Z.mul 2 (Z.mul (on one) (Z.abs r))
  | Hinge => Z.mul 2 (Z.mul (on one) (Z.max Z0 r))
  | SquaredHinge => let r := Z.max Z0 r in Z.mul 2 (Z.mul r r)
  | Logistic | KullbackLeibler | Poisson | Softmax => Z0  (* their losses are enclosed by themselves *)
  end.
Definition doubled (d : data) (x : grid) : grid :=  (* (2 Y - 1) X, entry by entry *)
  gsub (gscale (Dy 2 Z0) (entrywise (dY d) x)) x.
Definition residuals (d : data) (z : grid) : grid :=
  if logistic (dloss d) then gscale minus_one (doubled d z) else
  if labelled (dloss d) then gsub (filled (dm d) (dn d)) (entrywise (dY d) z) else gsub (dY d) z.

Section Check.
Variable mul : grid -> grid -> grid.  (* A B^T *)

(* the numbers of each group, together; an exponent such that its double is below all others' *)
Fixpoint add_to (T : Type) (f : T -> T -> T) (i : nat) (v : T) (l : seq T) : seq T :=
  if l is a :: l' then if i is j.+1 then a :: add_to f j v l' else f v a :: l' else [::].
Definition in_groups (T : Type) (f : T -> T -> T) (none : T) (g : seq nat) (x : seq T) : seq T :=
  foldl (fun l e => add_to f e.1 e.2 l) (nseq (size g) none) (zip g x).
Definition square_ (z : Z) : Z := Z.mul z z.
Definition half_exponent (w : seq dyadic) : Z := foldr (fun x h => Z.min (Z.div (dex x) 2) h) Z0 w.

(* |x|^2 in units of 2^(2 unit), rounded down or up as the root is *)
Definition norm_unit (p : norm_form dyadic) : Z :=
  match p with
  | Weighted w => half_exponent w
  | Elastic alpha => Z.sub (Z.min Z0 (dex alpha)) guard
  | Groups _ => Z.opp guard
  | _ => Z0
  end.
Definition norm_square (root : Z -> Z) (p : norm_form dyadic) (x : seq Z) : Z :=
  let long z := root (Z.shiftl z (Z.add guard guard)) in
  match p with
  | L1 => let a := sumabs Z0 x in Z.mul a a
  | L2 => dotz Z0 x x
  | LInf => let a := foldr (fun z a => Z.max (Z.abs z) a) Z0 x in Z.mul a a
  | Weighted w => let h := half_exponent w in
      sumz (fun z w => Z.mul w (square_ z)) Z0 x (map (fun v => lift (num v) (dex v) (Z.add h h)) w)
  | Elastic alpha => let e := Z.min Z0 (dex alpha) in let a := lift (num alpha) (dex alpha) e in
      square_ (Z.add (Z.mul a (Z.shiftl (sumabs Z0 x) guard))
                     (Z.mul (Z.sub (lift 1 Z0 e) a) (long (dotz Z0 x x))))
  | Groups g => square_ (foldr (fun z s => Z.add (long z) s) Z0 (in_groups Z.add Z0 g (map square_ x)))
  | LargestGroup g => foldr Z.max Z0 (in_groups Z.add Z0 g (map square_ x))
  end.

(* the squares of the columns' sizes *)
Definition column_squares (root : Z -> Z) (p : norm_form dyadic) (r : nat) (u : grid) : seq Z :=
  map (norm_square root p) (ints (transpose r u)).
Definition column_ex (p : norm_form dyadic) (u : grid) : Z := Z.add (ex u) (norm_unit p).
(* of each factor the squares of its sizes, slice by slice, in units of 2^(2 e): (squares, e) *)
Definition measured := (seq Z * Z)%type.
Definition factor_squares (root : Z -> Z) (d : data) (r : nat) (u v : grid) : seq measured :=
  let of_ p g := (column_squares root p r g, column_ex p g) in
  if ddeep d is Some (_, c :: l, _) then
    let x := map (layer_squares c l) (ints (transpose r u)) in
    mkseq (fun k => (map (fun s => nth Z0 s k) x, ex u)) (size l)
  else if is_tensor d then map (fun x => of_ x.1 x.2) (zip (dmode_norms d) (vectors_of d u))
  else [:: of_ (dleft_norm d) (priced_ (dfree d) u); of_ (dright_norm d) v].

(* of a slice's squares theta, rounded up or down *)
Definition root_of (up : bool) : Z -> Z := if up then root_up else root_down.
Definition share (up : bool) : dyadic -> Z -> dyadic := if up then over_up else over_down.
Definition length_of (up : bool) (x : Z * Z) : dyadic :=
  Dy (root_of up (Z.shiftl x.1 (Z.add guard guard))) (Z.sub x.2 guard).
Definition raised_to (up : bool) (k : nat) (x : Z * Z) : dyadic :=
  let y := power (Dy x.1 (Z.add x.2 x.2)) k./2 in if odd k then dmul y (length_of up x) else y.
Definition theta_ (up : bool) (f : theta_form) (x : seq (Z * Z)) : dyadic :=
  match f with
  | Product => length_of up (foldr (fun a b => (Z.mul a.1 b.1, Z.add a.2 b.2)) (Zpos xH, Z0) x)
  | Sum => share up (foldr (fun a => dadd (raised_to up (size x) a)) dzero x) (Z.of_nat (size x))
  end.
Definition thetas (up : bool) (d : data) (r : nat) (u v : grid) : dyadic :=
  let x := factor_squares (root_of up) d r u v in
  foldr (fun k => dadd (theta_ up (dform d) (map (fun s => (nth Z0 s.1 k, s.2)) x))) dzero (iota 0 r).

(* sup of sum d_i u_i^2 over |u| <= 1 for d >= 0, and of sum u_i^2 / x_i^2 for a column x > 0, rounded up *)
Definition inverse_up (x : dyadic) : dyadic :=
  let b := Z.add guard (Z.log2 (num x)) in Dy (ceil_div (Z.shiftl 1 b) (num x)) (Z.opp (Z.add b (dex x))).
Definition spread_cost (p : norm_form dyadic) (d : seq dyadic) : dyadic :=
  let each := if p is Weighted w then zip_with (fun d w => dmul d (inverse_up w)) d w else d in
  match p with
  | LInf => foldr dadd dzero each
  | LargestGroup g => foldr dadd dzero (in_groups dmax dzero g each)
  | _ => foldr dmax dzero each
  end.
Definition ball_cost (p : norm_form dyadic) (x : grid) : dyadic :=
  spread_cost p (map (fun r => let z := Dy (head Z0 r) (ex x) in inverse_up (dmul z z)) (ints x)).
Definition positive (k : nat) (x : grid) : bool := shaped k 1 x && all (all (Z.ltb Z0)) (ints x).

(* what the left factors give: s(F U), or U *)
Definition activate (a : dyadic) (x : grid) : grid :=
  let e := Z.add (ex x) (Z.min (dex a) Z0) in
  Grid (map (map (fun z => if Z.leb Z0 z then lift z (ex x) e
                           else lift (Z.mul (num a) z) (Z.add (ex x) (dex a)) e)) (ints x)) e.
Fixpoint deep_grid (a : dyadic) (d : nat) (l : seq nat) (e : Z) (w : seq Z) (h : grid) : grid :=
  if l is c :: l' then
    let z := mul h (transpose c (Grid (chunks d c w) e)) in
    if l' is [::] then z else deep_grid a c l' e (drop (d * c) w) (activate a z)
  else h.
Definition hidden_ (d : data) (r : nat) (u : grid) : grid :=
  if ddeep d is Some (f, c :: l, a) then
    let x := map (fun w => deep_grid a c l (ex u) w f) (ints (transpose r u)) in
    let e := foldr (fun g e => Z.min (ex g) e) Z0 x in
    transpose (dm d) (Grid (map (fun g => flatten (regrid g e)) x) e) else
  if is_tensor d then left_products d r u else
  if dlayer d is Some (f, a) then pool_ d r (activate a (mul f (transpose r u))) else u.

(* the objective, rounded as the root is; [U 1 b] [V a 1]^T = U V^T + 1 a^T + b 1^T *)
Definition means_ (m n : nat) (u v a b : grid) : grid :=
  mul (beside (beside u (unit_column m)) b) (beside (beside v a) (unit_column n)).
Definition designed_ (x : designs) (y : grid) : grid :=  (* A X B^T *)
  mul (mul (xA x) (transpose (right_width_ x) y)) (xB x).
Definition model (d : data) (r : nat) (u v : grid) (o : offsets_) : grid :=
  let z := means_ (dm d) (dn d) (hidden_ d r u) v (oA o) (oB o) in
  if eqn (left_width_ (dX d)) 0 then z else gadd z (designed_ (dX d) (oX o)).
Definition seen_ (d : data) (r : nat) (u v : grid) (o : offsets_) : grid :=
  let z := where_ (dC d) (model d r u v o) in
  let e := Z.min (Z.min (ex z) (ex (dY d))) Z0 in Grid (regrid z e) e.
(* the objective is finite, and no exponential out of reach *)
Definition finite_ (d : data) (r : nat) (u v : grid) (o : offsets_) : bool :=
  if classes (dloss d) then true else if counted (dloss d) then
    let z := seen_ d r u v o in
    if signed (dloss d) then all (all (fun x => Z.leb (round_up x (ex z)) reach_)) (ints z)
    else nonneg z && supported (dY d) z
  else true.
Definition counts_ (up : bool) (d : data) (z : grid) : grid :=
  Grid (zip_with (zip_with (count_end (dloss d) up (ex z))) (ints z) (regrid (dY d) (ex z)))
       (count_unit (dloss d) (ex z)).
Definition loss_ (up : bool) (d : data) (r : nat) (u v : grid) (o : offsets_) : dyadic :=
  if classes (dloss d) then
    let z := model d r u v o in
    inner (entrywise (dC d) (dY d)) (Grid (map (class_ends up (ex z)) (ints z)) (Zneg 100)) else
  if counted (dloss d) then inner (dC d) (counts_ up d (seen_ d r u v o)) else
  let x := residuals d (model d r u v o) in let e := finest (dloss d) (ex x) in
  let end_ := if up then softplus_up else softplus_down in
  if logistic (dloss d) then
    Dy (sum_rows (fun c r => Z.mul c (end_ r (ex x))) Z0 (ints (dC d)) (ints x)) (Z.sub (ex (dC d)) 100)
  else
  dhalf (Dy (sum_rows (fun c r => Z.mul c (costs_ (dloss d) e r)) Z0 (ints (dC d)) (regrid x e))
            (Z.add (ex (dC d)) (Z.add e e))).
Definition magnitudes (x : grid) : grid := Grid (map (map Z.abs) (ints x)) (ex x).
Definition ridge_ (d : data) (o : offsets_) : dyadic :=
  let x := dX d in
  dadd (dhalf (dadd (dadd (squares (dP d) (oA o)) (squares (dQ d) (oB o))) (squares (xP x) (oX o))))
       (inner (xR x) (magnitudes (oX o))).
Definition all_sizes (m n : nat) (x : grid) : dyadic := inner (filled m n) (magnitudes x).
Definition penalty (up : bool) (d : data) (r : nat) (u v : grid) : dyadic :=
  dadd (dmul (dlam d) (thetas up d r u v))
       (dadd (dmul (dl1 d).1 (all_sizes (dinputs d) r u)) (dmul (dl1 d).2 (all_sizes (dn d) r v))).
Definition value (up : bool) (d : data) (r : nat) (u v : grid) (o : offsets_) : dyadic :=
  dadd (dadd (loss_ up d r u v o) (ridge_ d o)) (penalty up d r u v).

(* t with G <= t I, G symmetric: by row sums, or by shift I - G - L L^T *)
Definition top (k : nat) (g : grid) (l : option grid) (shift : dyadic) : dyadic :=
  if l is Some l then
    if eqn (size (ints l)) k && wide k l then
      dmin (dadd shift (row_max (gsub (scalar k shift) (gadd g (mul l l))))) (row_max g)
    else row_max g
  else row_max g.

(* s >= 0 with s^2 t <= lam^2: about lam / sqrt t, at most h, and 0 if the test fails *)
Definition tested (lam t s : dyadic) : dyadic :=
  if Z.leb Z0 (num s) && dleb (dmul (dmul s s) t) (dmul lam lam) then s else dzero.
Definition guess (h lam t : dyadic) : dyadic :=
  let l2 := dmul lam lam in
  if dleb (dmul (dmul h h) t) l2 then h else
    let e := Z.sub (dex l2) (dex t) in
    let b := Z.add (Z.add guard guard) (log_guess (num t)) in
    let k := Z.add b (Z.modulo (Z.add b e) 2) in
    Dy (root_guess (Z.div (Z.shiftl (num l2) k) (num t))) (Z.div (Z.sub e k) 2).
Definition scale (h lam t : dyadic) : dyadic := tested lam t (guess h lam t).

(* the sums of columns and of rows, as one row and as one column *)
Definition column_sums (m n : nat) (x : grid) : grid := mul (unit_row m) (transpose n x).
Definition row_sums (n : nat) (x : grid) : grid := mul x (unit_row n).

(* the sums of W, as columns, are 0 where the offsets cost nothing *)
Definition sums (d : data) (w : grid) : grid := transpose (dn d) (column_sums (dm d) (dn d) w).
(* A^T W B where X is fitted: s times that is at most rho where the squares cost nothing *)
Definition design_sums (d : data) (w : grid) : grid :=
  let x := dX d in
  where_ (xM x) (mul (mul (transpose (left_width_ x) (xA x)) (transpose (dn d) w)) (transpose (right_width_ x) (xB x))).
Definition bare_sums (d : data) (w : grid) : grid :=
  let t := design_sums d w in
  Grid (zip_with (zip_with (fun p t => if Z.eqb p Z0 then t else Z0)) (ints (xP (dX d))) (ints t)) (ex t).
Definition within_ (d : data) (s : dyadic) (w : grid) : bool :=
  eqn (left_width_ (dX d)) 0 ||
  (let t := magnitudes (bare_sums d w) in supported t (xR (dX d)) && le_ (gscale s t) (xR (dX d))).
Definition affordable_ (d : data) (s : dyadic) (w : grid) : bool :=
  [&& ~~ dcolumns d || supported (sums d w) (dP d), ~~ drows d || supported (row_sums (dn d) w) (dQ d)
    & within_ d s w].
(* about the largest such s, if that is below h; a guess: the least price of sizes over the largest sum *)
Definition limit_of (d : data) (h : dyadic) (w : grid) : dyadic :=
  let x := dX d in let least m z := if Z.leb z Z0 then m else if Z.leb m Z0 then z else Z.min m z in
  let price := foldl (foldl least) Z0 (ints (xR x)) in
  if eqn (left_width_ x) 0 || Z.eqb price Z0 then h else
  let t := bare_sums d w in let top := foldl (foldl (fun m z => Z.max m (Z.abs z))) Z0 (ints t) in
  let b := Z.add guard (Z.log2 top) in
  if Z.leb top Z0 then h else dmin h (Dy (Z.div (Z.shiftl price b) top) (Z.sub (Z.sub (ex (xR x)) (ex t)) b)).
(* sum (sums of W)^2 / ridge, rounded up *)
Definition cost_ (d : data) (w : grid) : dyadic :=
  dadd (dadd (if dcolumns d then squares_over_up (sums d w) (dP d) else dzero)
       (if drows d then squares_over_up (row_sums (dn d) w) (dQ d) else dzero))
       (if eqn (left_width_ (dX d)) 0 || zeros (xP (dX d)) then dzero
        else squares_over_up (where_ (xP (dX d)) (design_sums d w)) (xP (dX d))).

(* multipliers: N or M, if there are any *)
Definition fits (s s' : sign) (m n : nat) (x : option grid) : bool :=
  if x is Some x then shaped m n x && nonneg_on s s' x else true.
Definition plus (a : grid) (x : option grid) : grid := if x is Some x then gadd a x else a.

(* t with z^T G z <= t |z|^2 where (F z)_i >= 0, and (F z)_i (F z)_(i + c) = 0 for i < c:
   G + F^T N F <= t I, N >= 0 but where such a product is 0 *)
Definition free (c i j : nat) : bool :=
  (Nat.ltb i c && eqn j (i + c)) || (Nat.ltb j c && eqn i (j + c)).
Fixpoint nonneg_row (free : nat -> bool) (j : nat) (x : seq Z) : bool :=
  if x is z :: x' then (Z.leb Z0 z || free j) && nonneg_row free j.+1 x' else true.
Fixpoint nonneg_but (c i : nat) (x : seq (seq Z)) : bool :=
  if x is r :: x' then nonneg_row (free c i) 0 r && nonneg_but c i.+1 x' else true.
Definition with_facts (c k : nat) (g f : grid) (n : option grid) : option grid :=
  if n is Some n then
    let h := size (ints f) in
    if [&& shaped h h n, nonneg_but c 0 (ints n) & symmetric h n] then
      let f := transpose k f in Some (gadd g (mul f (mul f n)))
    else None
  else Some g.
Definition form_top (c k : nat) (g f : grid) (p : form_proof) : option dyadic :=
  if with_facts c k g f (fN p) is Some g then Some (top k g (fL p) (fshift p)) else None.

(* the largest bound of an end of a tree, each with what holds there *)
Section Walk.
Variables (H S T : Type) (split : H -> S -> option (H * H)) (fact : H -> S -> option H).
Variable proved : H -> T -> option dyadic.
Fixpoint worst (h : H) (t : tree S T) : option dyadic :=
  match t with
  | Leaf p => proved h p
  | Cut s t t' =>
    if split h s is Some (h', h'') then
      match worst h' t, worst h'' t' with
      | Some x, Some y => Some (dmax x y)
      | _, _ => None
      end
    else None
  | Fact s t => if fact h s is Some h' then worst h' t else None
  end.
Definition no_fact (h : H) (s : S) : option H := None.
End Walk.
Definition sides (known : plane -> bool) (path : seq step) (s : plane) : option (seq step * seq step) :=
  if known s then Some (rcons path (s, true), rcons path (s, false)) else None.
Definition side (row : plane -> grid) (s : step) : grid :=
  if s.2 then row s.1 else gscale minus_one (row s.1).
Definition facts (row : plane -> grid) (f : grid) (path : seq step) : grid :=
  foldl (fun f s => above f (side row s)) f path.

(* at least sqrt(x) *)
Definition sqrt_up (x : dyadic) : dyadic :=
  let e := Z.sub (dex x) (Z.add (Z.modulo (dex x) 2) (Z.add guard guard)) in
  Dy (root_up (lift (num x) (dex x) e)) (Z.div e 2).
(* rows that have a few numbers each, at their places *)
Definition sparse_rows (k : nat) (rows : seq (seq (nat * Z))) (e : Z) : grid :=
  Grid (map (fun r => mkseq (fun j => foldr (fun x t => if eqn j x.1 then Z.add x.2 t else t) Z0 r) k) rows) e.
Definition line_of (s : plane) : grid := if s is Line a then a else blank 1 0.
Definition indexed (T : Type) (x : seq T) : seq (nat * T) := zip (iota 0 (size x)) x.

(* a tree of parts of two balls, z = (u, v): cuts, coordinates of a cube that are the same or opposite, and
   groups outside of which all of u or of v is 0; z^T G z is at most twice what is proved *)
Section Balls.
Variables (l r : ball) (g f : grid).  (* rows of z that are nonnegative *)
Definition total : nat := width_ l + width_ r.
Definition merged (high low : nat) (s : Z) (x : seq (nat * Z)) : seq (nat * Z) :=
  map (fun e => if eqn e.1 high then (low, Z.mul e.2 s) else e) x.
Definition identified (x : piece) (i j : nat) : option (piece * piece) :=
  let (a, s) := nth (0, Z0) (copies x) i in let (b, t) := nth (0, Z0) (copies x) j in
  let side i := Nat.ltb i (width_ l) in let corner i := Nat.ltb i total && at_corner (if side i then l else r) in
  if [&& corner i, corner j & Bool.eqb (side i) (side j)]
     && [&& negb (eqn a b), Z.eqb (Z.mul s s) 1 & Z.eqb (Z.mul t t) 1] then
    let make y := Piece (sides_at x) (merged (Nat.max a b) (Nat.min a b) (Z.mul y (Z.mul s t)) (copies x)) (not_in x) in
    Some (make 1%Z, make (Zneg xH))
  else None.
Definition away (first c : nat) (groups : seq nat) (x : seq (nat * Z)) : seq (nat * Z) :=
  map (fun e => if [&& Nat.leb first e.1, Nat.ltb (e.1 - first) (size groups) & negb (eqn (nth 0 groups (e.1 - first)) c)]
                then (e.1, Z0) else e.2) (indexed x).
Definition alone (x : piece) (at_right : bool) (c : nat) : option (piece * piece) :=
  if norm_in (if at_right then r else l) is Groups groups then
    let others := c :: (if at_right then (not_in x).2 else (not_in x).1) in
    let only c := away (if at_right then width_ l else 0) c groups (copies x) in
    let left_over := if filter (fun e => negb (has (eqn e) others)) groups is e :: rest
                     then if all (eqn e) rest then only e else copies x else copies x in
    Some (Piece (sides_at x) (only c) (not_in x),
          Piece (sides_at x) left_over (if at_right then ((not_in x).1, others) else (others, (not_in x).2)))
  else None.
Definition parted (x : piece) (s : parting) : option (piece * piece) :=
  match s with
  | AtLine a =>
    let make b := Piece (rcons (sides_at x) (Line a, b)) (copies x) (not_in x) in
    if shaped 1 total a then Some (make true, make false) else None
  | Alike i j => identified x i j
  | Alone at_right c => alone x at_right c
  end.

(* the coordinates y that z is made of *)
Definition heads (x : seq (nat * Z)) : seq nat :=
  map fst (filter (fun e => eqn e.2.1 e.1 && negb (Z.eqb e.2.2 Z0)) (indexed x)).
Definition restricted (x : seq (nat * Z)) (hs : seq nat) : grid :=  (* z = M y *)
  sparse_rows (size hs) (map (fun e => [:: (find (eqn e.1) hs, e.2)]) x) Z0.

(* what sum d_i u_i^2 + u^T S u costs over |u| <= 1: of |u|_1 by the entries of S, of groups by the Frobenius
   norms of its block_squares *)
Definition across (size_ : Z -> Z) (x : seq (seq Z)) : Z :=
  foldr (fun e t => foldr (fun z t => Z.max (size_ z) t) t (set_nth Z0 e.2 e.1 Z0)) Z0 (indexed x).
Definition block_squares (k : nat) (groups : seq nat) (x : seq (seq Z)) : seq (seq Z) :=  (* sums of squares *)
  let sums := map (fun r => in_groups Z.add Z0 groups (map square_ r)) x in
  map (in_groups Z.add Z0 groups) (ints (transpose k (Grid sums Z0))).
Definition off_diagonal (s' : sign) (s : grid) : dyadic :=
  Dy (across (if s' is Free then Z.abs else Z.max Z0) (ints s)) (ex s).
Definition on_diagonal (s' : sign) (d : seq dyadic) (s : grid) : dyadic :=
  dmax (foldr dmax dzero (map (fun e => dadd e.1 (Dy (nth Z0 e.2.2 e.2.1) (ex s))) (zip d (indexed (ints s)))))
    (off_diagonal s' s).
Definition farthest_elastic (alpha : dyadic) (k : nat) : dyadic :=  (* alpha sqrt(k) + 1 - alpha, rounded down *)
  dadd (dmul alpha (Dy (root_down (Z.shiftl (Z.of_nat k) (Z.add guard guard))) (Z.opp guard))) (dsub one alpha).
Definition block_size (s : grid) (z : Z) : dyadic := sqrt_up (Dy z (Z.add (ex s) (ex s))).
Definition blocks_cost (k : nat) (groups : seq nat) (d : seq dyadic) (s : grid) : dyadic :=
  let x := block_squares k groups (ints s) in
  let inside := map (fun e => block_size s (nth Z0 e.2 e.1)) (indexed x) in
  dmax (foldr dmax dzero (map (fun e => dadd e.1 (nth dzero inside e.2)) (zip d groups))) (block_size s (across id x)).
Definition entries_cost (b : ball) (d : seq dyadic) (s : grid) : option dyadic :=
  let k := width_ b in let on := on_diagonal (sign_in b) d s in
  match norm_in b with
  | L1 => Some on
  | Elastic alpha =>
    let far := farthest_elastic alpha k in
    if Z.ltb Z0 (num far) && Nat.ltb 0 k then
      let over := dadd on (dmul (off_diagonal (sign_in b) s) (Dy (Z.of_nat k.-1) Z0)) in
      Some (dmax on (dmul over (inverse_up (dmul far far))))
    else None
  | Groups groups => Some (blocks_cost k groups d s)
  | _ => None
  end.
(* G without S, and what that and d cost; d is of all coordinates *)
Definition side_part (b : ball) (first at_ : nat) (hs : seq nat) (d : seq dyadic) (g : grid) (s : option grid)
  : option (dyadic * grid) :=
  let k := width_ b in let d := take k (drop first d) in
  if s is Some s then
    if [&& shaped k k s, symmetric k s & all (fun i => eqn (nth total hs (at_ + i)) (first + i)) (iota 0 k)] then
      if entries_cost b d s is Some c then
        let h := size hs in
        let t := transpose h (sparse_rows h (map (fun i => [:: (at_ + i, 1%Z)]) (iota 0 k)) Z0) in
        Some (c, gsub g (mul t (mul t s)))
      else None
    else None
  else Some (spread_cost (norm_in b) (map (dmax dzero) d), g).
(* sup of the sum of the squares of these coordinates *)
Definition widest_of (b : ball) (first : nat) (hs : seq nat) : dyadic :=
  if norm_in b is LInf then Dy (Z.of_nat (count (fun i => Nat.leb first i && Nat.ltb i (first + width_ b)) hs)) Z0
  else spread_cost (norm_in b) (nseq (width_ b) one).
Definition ball_leaf (x : piece) (p : ball_proof) : option dyadic :=
  let hs := heads (copies x) in let h := size hs in let k := total in
  let d := if pD p is Some d then d else Grid (nseq h [:: Z0]) Z0 in let dz := flatten (ints d) in
  if [&& shaped h 1 d, all (fun e => Z.eqb e.2 Z0 || has (eqn e.1) hs) (copies x)
       & if fL (in_form p) is Some y then eqn (size (ints y)) h else true] then
    if with_facts 0 k g (facts line_of f (sides_at x)) (fN (in_form p)) is Some g then
      let m := transpose h (restricted (copies x) hs) in
      let g := if eqn h k then g else mul m (mul m g) in
      let g := gsub g (sparse_rows h (map (fun e => [:: e]) (indexed dz)) (ex d)) in
      let all_d := map (fun i => Dy (nth Z0 dz (find (eqn i) hs)) (ex d)) (iota 0 k) in
      if side_part l 0 0 hs all_d g (pS p).1 is Some (c, g) then
        if side_part r (width_ l) (h - width_ r) hs all_d g (pS p).2 is Some (c', g) then
          let t := dmax (top h g (fL (in_form p)) (fshift (in_form p))) dzero in
          Some (dhalf (dadd (dadd c c') (dmul t (dadd (widest_of l 0 hs) (widest_of r (width_ l) hs)))))
        else None
      else None
    else None
  else None.
Definition balls (t : tree parting ball_proof) : option dyadic :=
  worst parted (@no_fact _ _) ball_leaf (Piece [::] (map (fun i => (i, 1%Z)) (iota 0 total)) ([::], [::])) t.
End Balls.

(* u^T W v over two balls: z^T hat z = 2 u^T W v, and the rows that signs make nonnegative.  Of a cube with
   signs u = R (1, s), s in a free cube, and 1 + s_i, 1 - s_i *)
Definition hat (m n : nat) (w : grid) : grid :=
  above (beside (blank m m) w) (beside (transpose n w) (blank n n)).
Definition unit_of (s : sign) : Z := if s is NonPositive then Zneg xH else Zpos xH.
Definition signed_at (b : ball) (first : nat) : seq (seq (nat * Z)) :=
  if sign_in b is Free then [::] else map (fun i => [:: (first + i, unit_of (sign_in b))]) (iota 0 (width_ b)).
Definition boxed_at (boxed : bool) (b : ball) (first : nat) : seq (seq (nat * Z)) :=
  if boxed then flatten (map (fun i => map (fun x => [:: (first, 1%Z); (first + i.+1, x)]) [:: 1%Z; Zneg xH])
                             (iota 0 (width_ b).-1)) else [::].
Definition box_map (s : sign) (k : nat) : grid :=
  sparse_rows k.+1 (map (fun i => if s is Free then [:: (i.+1, 2%Z)] else [:: (0, unit_of s); (i.+1, 1%Z)]) (iota 0 k))
    (Zneg xH).
Definition ball_of (k : nat) (p : norm_form dyadic) (s : sign) (boxed : bool) : ball :=
  let cube := if p is LInf then true else false in
  if boxed then Ball k.+1 LInf Free true else Ball k p s (cube && if s is Free then true else false).
Definition conic (m n : nat) (p p' : norm_form dyadic) (s s' : sign) (boxes : bool * bool) (w : grid)
    (t : tree parting ball_proof) : option dyadic :=
  let l := ball_of m p s boxes.1 in let r := ball_of n p' s' boxes.2 in let k := total l r in
  let is_cube p := if p is LInf then true else false in
  let w := if boxes.1 then mul (transpose m.+1 (box_map s m)) (transpose n w) else w in
  let w := if boxes.2 then mul w (transpose n.+1 (box_map s' n)) else w in  (* R^T W R' *)
  if (~~ boxes.1 || is_cube p) && (~~ boxes.2 || is_cube p') then
    balls l r (hat (width_ l) (width_ r) w)
      (sparse_rows k (signed_at l 0 ++ signed_at r (width_ l) ++ boxed_at boxes.1 l 0
                      ++ boxed_at boxes.2 r (width_ l)) Z0) t
  else None.

(* a hidden layer: F is m x k, u of length 1, z = F u, p = z_+, q = p - z, s(z) = p - a q *)
Definition row_at (a : grid) (i : nat) : grid := Grid [:: nth [::] (ints a) i] (ex a).
Definition as_row (x : seq dyadic) : grid :=
  let e := foldr (fun y e => Z.min (dex y) e) Z0 x in
  Grid [:: map (fun y => lift (num y) (dex y) e) x] e.
Definition squares_of_rows (f : grid) : seq dyadic :=
  map (fun r => Dy (dotz Z0 r r) (Z.add (ex f) (ex f))) (ints f).
(* a free bias, of a feature that is a constant c > 0: F without it, what it adds to a row at most, and
   its square at most, where the sums of W are 0 *)
Record bias := Bias { free_ : bool; without : grid; far : dyadic; reach : dyadic }.
Definition bias_of (m k : nat) (free : bool) (f : grid) : option bias :=
  if free then
    let c := last Z0 (head [::] (ints f)) in let g := transpose m (priced_ true (transpose k f)) in
    let far := sqrt_up (foldr dmax dzero (squares_of_rows g)) in
    if Z.ltb Z0 c && all (fun r => Z.eqb (last Z0 r) c) (ints f) then
      Some (Bias true g far (over_up (dmul (dmul far far) (Dy 1 (Z.opp (Z.add (ex f) (ex f))))) (Z.mul c c)))
    else None
  else Some (Bias false f dzero dzero).
Definition radii_of (b : bias) : seq dyadic :=
  map (fun x => dadd (sqrt_up x) (far b)) (squares_of_rows (without b)).
(* the next float but one above a number: what is taken is tested *)
Definition float_above (x : dyadic) : dyadic :=
  let b := Z.sub (log_guess (num x)) 52 in
  if Z.leb b Z0 then Dy (Z.succ (Z.shiftl (num x) (Z.opp b))) (Z.add (dex x) b)
  else Dy (Z.succ (Z.shiftr (Z.add (num x) (Z.shiftl 1 (Z.pred b))) b)) (Z.add (dex x) b).
Definition float_radius (x : dyadic) : dyadic := let y := float_above x in if dleb x y then y else x.

Definition nearest (z : Z) : Z :=  (* a float, ties to even: what is lost is counted *)
  let b := Z.sub (log_guess (Z.abs z)) 52 in
  if Z.leb b Z0 then z else
    let h := Z.shiftl 1 (Z.pred b) in let q := Z.shiftr (Z.add z h) b in let x := Z.shiftl q b in
    if Z.eqb (Z.sub x z) h && Z.odd q then Z.sub x (Z.shiftl 1 b) else x.
Definition rounded (x : grid) : grid := Grid (map (map nearest) (ints x)) (ex x).

Fixpoint distinct (x : seq nat) : bool :=
  if x is i :: x' then negb (has (eqn i) x') && distinct x' else true.
Definition listed (limit : nat) (x : sparse) : bool :=
  all (fun y => Nat.ltb y.1 limit) x && distinct (map fst x).
Definition of_place (T : Type) (i : nat) (x : seq (nat * T)) : option T :=
  foldr (fun y t => if eqn i y.1 then Some y.2 else t) None x.
Definition coefficient (x : sparse) (i : nat) : dyadic := if of_place i x is Some c then c else dzero.

Section Layer.
Variables (m k n : nat) (f : grid) (a : dyadic) (w : grid) (b : bias) (radii : seq dyadic).
(* sum_i x_i z_i <= |x F| + |sum_i x_i| far, F without the free bias *)
Definition farthest_sum (x : seq dyadic) : dyadic :=
  let y := mul (as_row x) (transpose k (without b)) in
  dadd (sqrt_up (inner y y)) (dmul (dabs (foldr dadd dzero x)) (far b)).

(* sum_i x_i z_i <= max_l |sum_i x_i (f_i - f_l)| where z_l = 0 for some l *)
Definition farthest_kink (x : seq dyadic) : dyadic :=
  let y := mul (as_row x) (transpose k (without b)) in
  let e := gsub (mul (filled m 1) (transpose k y)) (gscale (foldr dadd dzero x) (without b)) in
  sqrt_up (foldr dmax dzero (squares_of_rows e)).

(* p_i <= sum_(c_j > 0) c_j p_j + sum_(c_j < 0) |c_j| q_j + slack, where slack is at least z_i - sum c_j z_j
   and what is lost where sum_(c_j < 0) c_j f_j is rounded; or sum c_j z_j <= slack *)
Definition combined (x : nat -> dyadic) : grid := mul (as_row (mkseq x m)) (transpose k f).
Definition negative_part (c : sparse) : grid := combined (fun j => dmin (coefficient c j) dzero).
Definition opposite (c : sparse) : grid := combined (fun j => dmul minus_one (coefficient c j)).
Definition row_of (s : plane) : grid :=  (* over (p, u) *)
  match s with
  | Row i => beside (blank 1 m) (row_at f i)
  | Line a => a
  | Above i c =>
    beside (as_row (mkseq (fun j => if eqn i j then minus_one else dabs (coefficient c j)) m))
           (rounded (negative_part c))
  | Range c => beside (blank 1 m) (rounded (opposite c))
  end.
Definition with_rounding (x : dyadic) (y : grid) : dyadic :=
  let r := gsub y (rounded y) in let s := dadd x (sqrt_up (dmul (dadd one (reach b)) (inner r r))) in
  if Z.eqb (num s) Z0 then dzero else float_radius s.
Definition slack_of (s : plane) : dyadic :=
  match s with
  | Above i c => with_rounding
      (farthest_sum (mkseq (fun j => if eqn i j then one else dmul minus_one (coefficient c j)) m)) (negative_part c)
  | Range c => with_rounding (farthest_kink (mkseq (coefficient c) m)) (opposite c)
  | _ => dzero
  end.
Definition is_plane (s : plane) : bool :=
  match s with
  | Row i => Nat.ltb i m
  | Line a => shaped 1 (m + k) a
  | Above i c => [&& Nat.ltb i m, listed m c & negb (has (fun y => eqn i y.1) c)]
  | Range c => free_ b && listed m c
  end.
Definition stated (path : seq step) (s : plane) : option (seq step) :=
  match s with
  | Above _ _ | Range _ => if is_plane s then Some (rcons path (s, true)) else None
  | _ => None
  end.

(* x = (p / tau, u), and 1 behind them if c = 1 *)
Definition scaled (tau : dyadic) (c : nat) (s : plane) : grid :=
  beside (entrywise (row_of s) (beside (gscale tau (filled 1 m)) (filled 1 k))) (gscale (slack_of s) (filled 1 c)).
(* p and q, and with `more` 1, r - p, r - q where c = 1 and r bounds |z| *)
Definition layer_facts (tau : dyadic) (c : nat) (more : bool) : grid :=
  let p := scalar m tau in let minus := scalar m (dmul minus_one tau) in
  let plain := above (beside (beside p (blank m k)) (blank m c))
                     (beside (beside p (gscale minus_one f)) (blank m c)) in
  if c is 0 then plain else if ~~ more then plain else
    let r := transpose m (as_row (map float_radius radii)) in
    above plain (above (beside (blank 1 (m + k)) (filled 1 c))
      (above (beside (beside minus (blank m k)) r) (beside (beside minus f) r))).
(* A with A^T x = W^T s(F u) *)
Definition outputs_of (tau : dyadic) (c : nat) : grid :=
  let s := beside (beside (scalar m (dmul (dsub one a) tau)) (gscale a f)) (blank m c) in
  mul (transpose (m + k + c) s) (transpose n w).
(* level |u|^2 + beside_ b^2 + radial c, u without its free bias b *)
Definition levels (c : nat) (level beside_ radial : dyadic) : grid :=
  let form b x := let t := transpose (m + k + c) b in mul t (gscale x t) in
  let p := priced_ (free_ b) (scalar k one) in let only x := beside (beside (blank k m) x) (blank k c) in
  gadd (gadd (form (only p) level) (form (only (gsub (scalar k one) p)) beside_))
       (form (beside (blank c (m + k)) (scalar c one)) radial).
Definition half_of (plus : bool) : grid :=
  above (blank (m + k) 1) (Grid [:: [:: if plus then Zpos xH else Zneg xH]] (Zneg xH)).
(* and products of facts and t - y u, y without a free bias, where t >= |y| *)
Definition coned (facts : grid) (c : nat) (cone : option (grid * seq dyadic)) (g : grid) : option grid :=
  match cone, c with
  | None, _ => Some g
  | Some (y, t), 1%N =>
    let h := size (ints facts) in let y := beside y (blank h (if free_ b then 1 else 0)) in
    let x := transpose h (priced_ (free_ b) (transpose k y)) in
    if [&& shaped h k y, eqn (size t) h
         & all (fun p => Z.leb Z0 (num p.2) && dleb p.1 (dmul p.2 p.2)) (zip (squares_of_rows x) t)] then
      let l := beside (beside (blank h m) (gscale minus_one x)) (transpose h (as_row t)) in
      let p := transpose (m + k + 1) facts in let q := transpose (m + k + 1) l in
      Some (gadd g (gadd (mul p q) (mul q p)))
    else None
  | _, _ => None
  end.
Definition inverse (x : dyadic) : dyadic :=
  let j := Z.log2 (num x) in Dy 1 (Z.opp (Z.add (dex x) j)).
Definition quadratic (sign : option bool) (path : seq step) (p : form_proof) (tau level beside_ : dyadic)
    (radial : option dyadic) (linear : bool) (cone : option (grid * seq dyadic)) : option dyadic :=
  let c := if radial is Some _ then 1%N else 0%N in
  let r := if radial is Some r then r else dzero in
  let i := inverse tau in let x := outputs_of tau c in
  if [&& dleb (dmul tau i) one, dleb one (dmul tau i), Z.ltb Z0 (num tau)
       & all (fun s => eqn c 1 || Z.eqb (num (slack_of s.1)) Z0) path] then
    let g := match linear, sign, c with
      | false, _, _ => Some (mul x x)
      | true, Some s, 1%N => if eqn n 1 then Some (gadd (mul x (half_of s)) (mul (half_of s) x)) else None
      | _, _, _ => None
      end in
    if g is Some g then
      let fs := facts (scaled tau c) (layer_facts tau c (if cone is Some _ then false else true)) path in
      if coned fs c cone (gsub g (levels c level beside_ r)) is Some g then
      if form_top m (m + k + c) g fs p is Some t then
        let wide := dadd one (dmul (dadd one (reach b)) (dadd one (dmul (dmul i i) (inner f f)))) in
        let y := dadd (dadd (dmax (dadd level r) dzero) (dmul (dmax beside_ dzero) (reach b)))
                      (dmul (dmax t dzero) wide) in
        Some (if linear then dmul y y else y)
      else None
      else None
    else None
  else None.

(* the same bound after mu times the rows of the path are added *)
Definition of_row (path : seq step) (i : nat) (x : nat * dyadic) : dyadic :=
  match nth (Line (blank 0 0), true) path x.1 with
  | (Row j, s) => if eqn i j then (if s then x.2 else dmul minus_one x.2) else dzero
  | _ => dzero
  end.
Definition raised (path : seq step) (mu : sparse) (x : seq dyadic) : seq dyadic :=
  mkseq (fun i => foldr (fun y z => dadd (of_row path i y) z) (nth dzero x i) mu) m.
Definition multipliers (path : seq step) (mu : sparse) : bool :=
  listed (size path) mu && all (fun y => Z.leb Z0 (num y.2)
    && (if nth (Line (blank 0 0), true) path y.1 is (Row _, _) then true else false)) mu.
Definition farthest (path : seq step) (mu : sparse) (x : seq dyadic) : dyadic :=
  farthest_sum (raised path mu x).

(* a row's sign on the path, the last one *)
Definition sign_on (path : seq step) (i : nat) : option bool :=
  foldl (fun s x => if x is (Row j, b) then if eqn i j then Some b else s else s) None path.
Definition unit_at (i : nat) (s : bool) : seq dyadic :=
  mkseq (fun j => if eqn i j then (if s then one else minus_one) else dzero) m.

(* -lo <= z_i <= hi *)
Definition range (path : seq step) (x : chord) : nat * (dyadic * dyadic * dyadic) :=
  let r := nth dzero radii (place x) in
  (place x, (kappa x, dmin (farthest path (to_low x) (unit_at (place x) false)) r,
             dmin (farthest path (to_high x) (unit_at (place x) true)) r)).
Definition chord_ok (path : seq step) (x : chord) : bool :=
  [&& Nat.ltb (place x) m, dleb a (kappa x), dleb (kappa x) one, multipliers path (to_low x)
    & multipliers path (to_high x)].

(* w s(z) <= factor z + extra *)
Definition line_above (sign : option bool) (rho : option dyadic)
    (chord : dyadic * dyadic * dyadic) (w : dyadic) : option (dyadic * dyadic) :=
  match sign with
  | Some s => Some (if s then w else dmul w a, dzero)
  | None =>
    if Z.ltb (num w) Z0 then
      let r := if rho is Some r then r else a in
      if dleb a r && dleb r one then Some (dmul w r, dzero) else None
    else
      let '(kappa, lo, hi) := chord in
      Some (dmul w kappa, dmul w (dmax (dmul (dsub kappa a) lo) (dmul (dsub one kappa) hi)))
  end.
Definition lines_above (plus : bool) (path : seq step) (rho : sparse)
    (ranges : seq (nat * (dyadic * dyadic * dyadic))) : seq (option (dyadic * dyadic)) :=
  mkseq (fun i =>
    let w := Dy (nth Z0 (nth [::] (ints w) i) 0) (ex w) in
    let r := nth dzero radii i in
    let c := if of_place i ranges is Some c then c else (dhalf (dadd one a), r, r) in
    line_above (sign_on path i) (of_place i rho) c (if plus then w else dmul minus_one w)) m.
Fixpoint all_of (T : Type) (x : seq (option T)) : option (seq T) :=
  if x is y :: x' then
    match y, all_of x' with Some z, Some t => Some (z :: t) | _, _ => None end
  else Some [::].
Definition cell (plus : bool) (path : seq step) (mu rho : sparse) (chords : seq chord) : option dyadic :=
  if [&& dleb a one, multipliers path mu, listed m rho, all (chord_ok path) chords
      & distinct (map place chords)] then
    if all_of (lines_above plus path rho (map (range path) chords)) is Some lines then
      let y := dadd (farthest path mu (map fst lines)) (foldr (fun y z => dadd y.2 z) dzero lines) in
      let y := dmax y dzero in Some (dmul y y)
    else None
  else None.

Definition layer_end (sign : option bool) (path : seq step) (p : layer_proof) : option dyadic :=
  match p, sign with
  | Quadratic q tau level beside_ radial linear cone, _ =>
    quadratic sign path q tau level beside_ radial linear cone
  | Cell mu rho chords, Some s => if eqn n 1 then cell s path mu rho chords else None
  | Cell _ _ _, None => None
  end.
(* t with |W^T s(F u)|^2 <= t for all u of length 1 on a path; of one output and a sign where it has that *)
Definition layer_square (path : seq step) (sign : option bool) (t : cases layer_proof) : option dyadic :=
  worst (sides is_plane) stated (layer_end sign) path t.
End Layer.

(* of one output, where v of its sign meets it *)
Definition output_square (T : Type) (s : sign) (square : option bool -> T -> option dyadic) (p : sided T)
  : option dyadic :=
  let x := match p, s with
    | Whole t, _ => square None t
    | Signs (Some t) (Some t'), Free =>
      match square (Some true) t, square (Some false) t' with
      | Some x, Some y => Some (dmax x y)
      | _, _ => None
      end
    | Signs (Some t) None, NonNegative => square (Some true) t
    | Signs None (Some t), NonPositive => square (Some false) t
    | _, _ => None
    end in
  if x is Some x then Some (dmax x dzero) else None.
Definition column_at (m n : nat) (w : grid) (j : nat) : grid := transpose m (row_at (transpose n w) j).

(* the bound of all outputs, from those of one *)
(* the square of a dual norm, of the squares of its entries *)
Definition total_square (p : norm_form dyadic) (x : seq dyadic) : option dyadic :=
  match p with
  | L1 => Some (foldr dmax dzero x)
  | L2 => Some (foldr dadd dzero x)
  | LInf => let y := foldr (fun x => dadd (sqrt_up (dmax x dzero))) dzero x in Some (dmul y y)
  | _ => None
  end.
Definition outputs_square (T : Type) (n : nat) (p : norm_form dyadic) (s : sign)
    (square : nat -> option bool -> T -> option dyadic) (each : seq (sided T)) : option dyadic :=
  if eqn (size each) n then
    if all_of (mkseq (fun j => output_square s (square j) (nth (Signs None None) each j)) n) is Some x then
      if total_square p x is Some y then Some (dmax y dzero) else None
    else None
  else None.

(* The largest of a row's patches z_i = f_i . u, omega_k max (z_i)_+, is at most that of a sum of patches:
   where omega_k > 0, of all of them, or of a base b and of z_i - z_b for the others, rounded to floats,
   and what is lost; elsewhere of b.  e is the exponent of F, w that of W; a patch has its number before it. *)
Section Dominating.
Variables (e w : Z).
Definition patch := (Z * seq Z)%type.
Definition less_base (base x : patch) : seq Z * dyadic :=
  if Z.eqb x.1 base.1 then (x.2, dzero) else
    let y := zip_with Z.sub x.2 base.2 in let g := map nearest y in let l := zip_with Z.sub y g in
    (g, sqrt_up (Dy (dotz Z0 l l) (Z.add e e))).
Fixpoint with_number (b : Z) (x : seq patch) : option patch :=
  if x is y :: x' then if Z.eqb y.1 b then Some y else with_number b x' else None.
Definition dominating_row (omega b : Z) (x : seq patch) : option (seq (seq Z * dyadic)) :=
  if Z.ltb Z0 omega && Z.eqb b (Zneg xH) then Some (map (fun y => (y.2, dzero)) x) else
    if with_number b x is Some y then
      Some (if Z.ltb Z0 omega then map (less_base y) x else [:: (y.2, dzero)])
    else None.
(* the patches with their omega, and what is lost *)
Fixpoint dominating (omega b : seq Z) (x : seq (seq patch)) : option (seq patch * dyadic) :=
  match omega, b, x with
  | o :: omega', c :: b', y :: x' =>
    match dominating_row o c y, dominating omega' b' x' with
    | Some g, Some (rest, lost) =>
      Some (map (fun t => (o, t.1)) g ++ rest, foldr (fun t => dadd (dmul (Dy o w) t.2)) lost g)
    | _, _ => None
    end
  | [::], [::], [::] => Some ([::], dzero)
  | _, _, _ => None
  end.
Definition float_size (x : patch) : bool := all (fun z => dltb (Dy (Z.abs z) e) (Dy 1 1024)) x.2.
End Dominating.
Definition signed_ (plus : bool) (w : grid) : grid := if plus then w else gscale minus_one w.
Definition row_split (x : grid) (s : plane) : grid := if s is Row i then row_at x i else blank 1 0.
(* of one output, and v of a sign; W is one column *)
Definition pooled_at (m : nat) (s : seq nat) (f w : grid) (plus : bool) (b : seq Z)
  : option (seq patch * dyadic) :=
  let x := buckets m s (zip (map Z.of_nat (iota 0 (size s))) (ints f)) in
  dominating (ex f) (ex w) (map (head Z0) (ints (signed_ plus w))) b x.
Definition pooled_leaf (m k : nat) (s : seq nat) (f w : grid) (plus : bool) (rows : grid) (path : seq step)
    (p : pooled_end) : option dyadic :=
  if pooled_at m s f w plus (bases p) is Some (x, lost) then
    if all (float_size (ex f)) x then
      let sides_ := facts (row_split rows) (Grid [::] Z0) path in let h := size (ints sides_) in
      let g := above (Grid (map snd x) (ex f)) sides_ in let l := size x + h in
      let v := above (signed_ plus (Grid (map (fun t => [:: t.1]) x) (ex w))) (blank h 1) in
      let b := Bias false g dzero dzero in
      let start := map (fun i => (Row i, true)) (iota (size x) h) in
      if output_square (if plus then NonNegative else NonPositive)
           (layer_square l k 1 g dzero v b (radii_of b) start) (summed p) is Some y then
        let y := dadd (sqrt_up (dmax y dzero)) lost in Some (dmul y y)
      else None
    else None
  else None.
Definition pooled_square (m k : nat) (s : seq nat) (f w : grid) (sign : option bool) (p : pooled_proof)
  : option dyadic :=
  if sign is Some plus then
    let rows := split_rows p in
    if all (fun r => eqn (size r) k) (ints rows) then
      worst (sides (fun x => if x is Row i then Nat.ltb i (size (ints rows)) else false)) (@no_fact _ _)
        (pooled_leaf m k s f w plus rows) [::] (pooled_tree p)
    else None
  else None.

(* the largest square of a row's dual norm: max or sum of squares of what v of a sign can meet *)
Definition met (s : sign) (z : Z) : Z :=
  match s with Free => Z.abs z | NonNegative => Z.max z Z0 | NonPositive => Z.max (Z.opp z) Z0 end.
(* about the least t with |(y - a t / b)_+|_2 <= (1 - a / b) t: of the largest numbers, one by one *)
Fixpoint level_of (a b : Z) (y : seq Z) (total squares count : Z) : Z * Z * Z :=
  if y is v :: y' then
    let left := Z.mul (Z.mul a a) (Z.add (Z.sub squares (Z.mul 2 (Z.mul v total))) (Z.mul count (square_ v))) in
    if Z.ltb Z0 count && Z.leb (square_ (Z.mul (Z.sub b a) v)) left then (total, squares, count)
    else level_of a b y' (Z.add total v) (Z.add squares (square_ v)) (Z.succ count)
  else (total, squares, count).
Definition least_level (a b : Z) (y : seq Z) : Z :=
  let '(total, squares, count) := level_of a b (path.sort (fun u v => Z.leb v u) y) Z0 Z0 Z0 in
  let inside := Z.sub (square_ (Z.mul a total)) (Z.mul (Z.sub (Z.mul count (square_ a)) (square_ (Z.sub b a))) squares) in
  ceil_div (Z.mul squares b) (Z.add (Z.mul a total) (root_down (Z.max Z0 inside))).

(* the square of a row's dual norm: of what v of a sign can meet, rounded up; a level is tested *)
Definition over_weight (y : Z) (w : dyadic) : Z :=
  ceil_div (Z.shiftl y (Z.max Z0 (Z.opp (dex w)))) (Z.shiftl (num w) (Z.max Z0 (dex w))).
Definition dual_square (level : option Z) (p : norm_form dyadic) (s : sign) (x : seq Z) : Z :=
  let next acc z := let y := Z.mul (met s z) (met s z) in
    match p with L1 => Z.max acc y | LInf => Z.add acc (met s z) | _ => Z.add acc y end in
  let a := foldl next Z0 x in
  match p with
  | LInf => Z.mul a a
  | Weighted w => foldr (fun e t => Z.add (over_weight (square_ (met s e.1)) e.2) t) Z0 (zip x w)
  | Elastic alpha => let e := Z.min Z0 (dex alpha) in let c := lift (num alpha) (dex alpha) e in let b := lift 1 Z0 e in
      let t := if level is Some t then t else least_level c b (map (met s) x) in
      let rest := foldr (fun z r => Z.add (square_ (Z.max Z0 (Z.sub (Z.mul b (met s z)) (Z.mul c t)))) r) Z0 x in
      if Z.leb Z0 t && Z.leb rest (square_ (Z.mul (Z.sub b c) t)) then square_ t else a
  | Groups g => foldr Z.max Z0 (in_groups Z.add Z0 g (map (fun z => square_ (met s z)) x))
  | LargestGroup g =>
      square_ (foldr (fun z t => Z.add (root_up z) t) Z0 (in_groups Z.add Z0 g (map (fun z => square_ (met s z)) x)))
  | _ => a
  end.
Definition largest_row (level : option Z) (p : norm_form dyadic) (s : sign) (w : grid) : dyadic :=
  Dy (foldl (fun acc x => Z.max acc (dual_square level p s x)) Z0 (ints w)) (Z.add (ex w) (ex w)).
(* and of u with an l1 norm and a sign: a row, or its negative; finer where something is rounded *)
Definition in_units (x : dyadic) (e : Z) : Z :=
  let k := Z.sub (dex x) e in if Z.leb Z0 k then Z.shiftl (num x) k else ceil_div (num x) (Z.shiftl 1 (Z.opp k)).
Definition finer_for (p : norm_form dyadic) (w : grid) : grid :=
  match p with L1 | L2 | LInf => w | _ => let e := Z.sub (ex w) guard in Grid (regrid w e) e end.
Definition lines (level : option dyadic) (s : sign) (p : norm_form dyadic) (s' : sign) (w : grid) : dyadic :=
  let w := finer_for p w in let t := if level is Some t then Some (in_units t (ex w)) else None in
  let plus := largest_row t p s' w in let minus := largest_row t p s' (gscale minus_one w) in
  match s with Free => dmax plus minus | NonNegative => plus | NonPositive => minus end.

(* and of u with the largest entry as its norm: linear in each, so at a corner of the cube *)
Definition ends_of_cube (s : sign) : seq Z :=
  match s with Free => [:: Zneg xH; Zpos xH] | NonNegative => [:: Z0; Zpos xH] | NonPositive => [:: Z0; Zneg xH] end.
Fixpoint at_corners (n : nat) (s : sign) (rows : seq (seq Z)) : seq (seq Z) :=
  if rows is r :: rest then
    allpairs (fun c x => zip_with (fun w y => Z.add (Z.mul c w) y) r x) (ends_of_cube s) (at_corners n s rest)
  else [:: nseq n Z0].
Definition corners (n : nat) (level : option dyadic) (s : sign) (p : norm_form dyadic) (s' : sign) (w : grid) : dyadic :=
  let w := finer_for p w in let t := if level is Some t then Some (in_units t (ex w)) else None in
  largest_row t p s' (Grid (at_corners n s (ints w)) (ex w)).

(* the same numbers, with no factor of two that all integers share: a guess, which is tested *)
Fixpoint spare (fuel : nat) (x : seq (seq Z)) : Z :=
  if fuel is S k then
    let b := Z.shiftl 1 (Z.of_nat k) in let y := map (map (fun z => Z.shiftr z b)) x in
    if all2 (all2 (fun z y => Z.eqb z (Z.shiftl y b))) x y then Z.add b (spare k y) else spare k x
  else Z0.
Definition lowest (a : grid) : grid :=
  let t := spare 11 (ints a) in let y := map (map (fun z => Z.shiftr z t)) (ints a) in
  if Z.leb Z0 t && all2 (all2 (fun z y => Z.eqb z (Z.shiftl y t))) (ints a) y then Grid y (Z.add (ex a) t) else a.

(* a tree of simplicial cones { sum a_j g_j : a >= 0 } of a short factor z, and
   h(z) = A z + sum_i (f_i . z)_+ w_i: a vertex is g_j with A g_j behind it, a point w_i with f_i . g_j
   for each j.  Of a split of g_i, g_j one child has a sum of both in the place of g_i, the other in
   that of g_j.  At a leaf |h(z)|_* <= sum a_j c_j, and any y with y . g_j >= c_j proves
   |h(z)|_* <= y . z <= |y|_* |z|: y is a guess, which is tested. *)
Section Cones.
Variables (k : nat) (p p' : norm_form dyadic) (s s' : sign) (e : Z).  (* h is an integer times 2^e *)
Definition point := (seq Z * seq Z)%type.
Record vertex := Vertex { coordinates : seq Z; most : Z; long_ : Z; size_ : Z }.
(* a bound of |A g|_* and about |g| in units of 2^-64, about the binary logarithm of |g|_2 *)
Definition bits : Z := 64.
Definition most_of (x : seq Z) : Z := root_up (dual_square None p' s' (map (fun z => Z.shiftl z bits) (drop k x))).
Definition vertex_of (x : seq Z) : vertex :=
  let g := take k x in
  Vertex x (most_of x) (root_guess (Z.shiftl (norm_square root_up p g) (Z.mul 2 (Z.add bits (norm_unit p)))))
    (Z.div (Z.succ (log_guess (dotz Z0 g g))) 2).
(* rows r_j with r_j . g_i = 0 for i != j, 2^e for i = j, that guess y *)
Record cone := Cone { vertices : seq vertex; normals : seq (seq Z * Z); open_ : seq point }.
Definition no_vertex := Vertex [::] Z0 Z0 Z0.
(* what has one sign on the cone is linear there, or nothing *)
Definition add_behind (t : Z) (w x : seq Z) : seq Z :=
  take k x ++ zip_with (fun h w => Z.add h (Z.mul t w)) (drop k x) w.
Definition straight (whole : seq point) (j : nat) (v : vertex) : vertex :=
  let x := foldr (fun t x => add_behind (nth Z0 t.2 j) t.1 x) (coordinates v) whole in
  Vertex x (most_of x) (long_ v) (size_ v).
Definition straighten (c : cone) : cone :=
  let live := filter (fun t : point => has (Z.ltb Z0) t.2) (open_ c) in
  let whole := filter (fun t : point => all (Z.leb Z0) t.2) live in
  Cone (if whole is [::] then vertices c
        else mkseq (fun j => straight whole j (nth no_vertex (vertices c) j)) k)
    (normals c) (filter (fun t : point => negb (all (Z.leb Z0) t.2)) live).
Definition sum_of (a b : Z) (x y : seq Z) : seq Z :=
  zip_with (fun x y => Z.add (Z.shiftl x a) (Z.shiftl y b)) x y.
Definition half_cone (c : cone) (v : vertex) (i j : nat) (a b : Z) : cone :=
  let r := nth ([::], Z0) (normals c) i in let r' := nth ([::], Z0) (normals c) j in
  let more := Z.sub (Z.add r.2 a) (Z.add r'.2 b) in let up := Z.max Z0 more in
  let met := zip_with (fun x y => Z.sub (Z.shiftl x up) (Z.shiftl y (Z.sub up more))) r'.1 r.1 in
  let at_new (t : point) := Z.add (Z.shiftl (nth Z0 t.2 i) a) (Z.shiftl (nth Z0 t.2 j) b) in
  straighten (Cone (set_nth no_vertex (vertices c) i v)
    (set_nth ([::], Z0) (set_nth ([::], Z0) (normals c) i (r.1, Z.add r.2 a)) j (met, Z.add r'.2 up))
    (map (fun t : point => (t.1, set_nth Z0 t.2 i (at_new t))) (open_ c))).
Definition halves (c : cone) (ij : nat * nat) : option (cone * cone) :=
  let (i, j) := ij in let v := nth no_vertex (vertices c) i in let v' := nth no_vertex (vertices c) j in
  let a := Z.max Z0 (Z.sub (size_ v') (size_ v)) in let b := Z.max Z0 (Z.sub (size_ v) (size_ v')) in
  let new := vertex_of (sum_of a b (coordinates v) (coordinates v')) in
  if [&& Nat.ltb i k, Nat.ltb j k & negb (eqn i j)] then
    Some (half_cone c new i j a b, half_cone c new j i b a)
  else None.

(* c_j: on the cone (f . z)_+ is at most sum a_j (f . g_j)_+, at least t f . z of any t from 0 to 1 *)
Definition steep : Z := Eval compute in Z.pow 2 32.
Definition chord_of (c : cone) (x : seq Z) : Z :=
  let deep := foldr (fun v t => Z.max (size_ v) t) Z0 (vertices c) in
  let near := zip_with (fun v z => Z.shiftl z (Z.sub deep (size_ v))) (vertices c) x in
  let rise := foldr (fun z t => Z.add (Z.max z Z0) t) Z0 near in
  let t := Z.div (Z.mul rise steep) (Z.sub (Z.mul 2 rise) (foldr Z.add Z0 near)) in
  if Z.leb Z0 t && Z.leb t steep then t else Z0.
Definition positive_times (w t : Z) : Z := Z.mul (Z.max w Z0) t.
Definition negative_times (w t : Z) : Z := Z.mul (Z.min w Z0) t.
Definition one_sided (low high : Z) : Z :=
  Z.max Z0 (match s' with Free => Z.max high (Z.opp low) | NonNegative => high | NonPositive => Z.opp low end).
Definition ends_of (columns : seq (seq Z)) (chords x h : seq Z) : seq Z :=
  let over := map (Z.max Z0) x in let under := zip_with Z.mul x chords in
  zip_with (fun h w => one_sided
    (Z.add (sumz negative_times h w over) (Z.div (sumz positive_times Z0 w under) steep))
    (Z.add (sumz positive_times h w over) (ceil_div (sumz negative_times Z0 w under) steep))) h columns.
Definition bounds_of (c : cone) : seq Z :=
  if open_ c is [::] then map most (vertices c) else
    let n := size (drop k (coordinates (nth no_vertex (vertices c) 0))) in
    let columns := mkseq (fun l => map (fun t : point => nth Z0 t.1 l) (open_ c)) n in
    let chords := map (fun t : point => chord_of c t.2) (open_ c) in
    mkseq (fun j => let ends := ends_of columns chords (map (fun t : point => nth Z0 t.2 j) (open_ c))
                                  (drop k (coordinates (nth no_vertex (vertices c) j))) in
      root_up (dual_square None p' NonNegative (map (fun z => Z.shiftl z bits) ends))) k.

(* y with y . g_j = x_j, in units of 2^-deep, and what it proves *)
Definition tilt (c : cone) (x : seq Z) : seq Z * Z :=
  let deep := foldr (fun r t => Z.max r.2 t) Z0 (normals c) in
  let part x r := map (Z.mul (Z.shiftl x (Z.sub deep r.2))) r.1 in
  (take k (foldr (zip_with Z.add) (nseq k Z0) (zip_with part x (normals c))), deep).
Definition under_slope (c : cone) (bounds x : seq Z) : option dyadic :=
  let (y, deep) := tilt c x in
  let above_ b v := Z.leb (Z.shiftl b deep) (dotz Z0 y (coordinates v)) in
  if Z.leb Z0 deep && all2 above_ bounds (vertices c)
  then Some (Dy (root_up (dual_square None p s y)) (Z.sub (Z.sub e bits) deep)) else None.
(* s >= x that makes y shorter: three rounds of coordinate descent in |y|_2 *)
Definition raise_slope (rows : seq (seq Z)) (x : seq Z) (now : seq Z * seq Z) (j : nat) : seq Z * seq Z :=
  let (t, y) := now in let r := nth [::] rows j in
  let step := Z.max (Z.opp (Z.div (dotz Z0 r y) (dotz Z0 r r))) (Z.sub (nth Z0 x j) (nth Z0 t j)) in
  (set_nth Z0 t j (Z.add (nth Z0 t j) step), zip_with (fun a b => Z.add a (Z.mul step b)) y r).
Definition steeper (now : Z * Z) (at_ : Z * Z) : Z * Z :=
  if Z.ltb Z0 at_.2 && Z.ltb (Z.mul now.1 at_.2) (Z.mul at_.1 now.2) then at_ else now.
Definition lower_slopes (x t : seq Z) : seq Z :=  (* t as far down as x lets all of it go at once *)
  let (a, b) := foldl steeper (Z0, Zpos xH) (zip x t) in map (fun v => ceil_div (Z.mul a v) b) t.
Definition raise_slopes (c : cone) (x : seq Z) : seq Z :=
  let (y, deep) := tilt c x in
  let rows := map (fun r => map (fun v => Z.shiftl v (Z.sub deep r.2)) r.1) (normals c) in
  lower_slopes x (fst (foldl (raise_slope rows x) (x, y) (flatten (nseq 3 (iota 0 k))))).
Definition smaller (x y : option dyadic) : option dyadic :=
  match x, y with Some a, Some b => Some (dmin a b) | _, None => x | None, _ => y end.
Definition cone_end (c : cone) (_ : unit) : option dyadic :=
  let bounds := bounds_of c in
  let steepest b v := Z.succ (Z.div (Z.shiftl b bits) (long_ v)) in
  let top := foldr Z.max Z0 (zip_with steepest bounds (vertices c)) in
  let even v := Z.opp (Z.shiftr (Z.opp (Z.mul top (long_ v))) bits) in
  smaller (smaller (under_slope c bounds bounds) (under_slope c bounds (map even (vertices c))))
    (under_slope c bounds (raise_slopes c bounds)).

(* the orthants of z; z and -z are one where nothing has a sign *)
Definition is_even (s s' : sign) : bool := match s, s' with Free, Free => true | _, _ => false end.
Definition signs_of (s : sign) : seq Z :=
  match s with Free => [:: Zpos xH; Zneg xH] | NonNegative => [:: Zpos xH] | NonPositive => [:: Zneg xH] end.
Definition orthants (even : bool) : seq (seq Z) :=
  foldr (fun x y => allpairs cons x y) [:: [::]]
    (if k is l.+1 then (if even then [:: Zpos xH] else signs_of s) :: nseq l (signs_of s) else [::]).
Definition unit_vector (i : nat) : seq Z := mkseq (fun j => if eqn i j then Zpos xH else Z0) k.
(* A^T and the points, w_i and f_i *)
Definition orthant (h : seq (seq Z)) (points : seq point) (signs : seq Z) : cone :=
  let place i := let x := nth Z0 signs i in
    (vertex_of (map (Z.mul x) (unit_vector i ++ nth [::] h i)), (map (Z.mul x) (unit_vector i), Z0)) in
  let places := mkseq place k in
  straighten (Cone (map fst places) (map snd places)
    (map (fun t : point => (t.1, zip_with Z.mul signs t.2)) points)).
Fixpoint forest (T : Type) (make : T -> cone) (proved : T -> cone -> unit -> option dyadic) (roots : seq T)
    (trees : seq (tree (nat * nat) unit)) : option dyadic :=
  match roots, trees with
  | [::], [::] => Some dzero
  | r :: roots', t :: trees' =>
    match worst halves (@no_fact _ _) (proved r) (make r) t, forest make proved roots' trees' with
    | Some x, Some y => Some (dmax x y)
    | _, _ => None
    end
  | _, _ => None
  end.
End Cones.
(* t with |W^T u|_* <= t |u| for all u of its sign *)
Definition cones (p p' : norm_form dyadic) (s s' : sign) (m : nat) (w : grid) (trees : seq (tree (nat * nat) unit))
  : option dyadic :=
  let w := lowest w in
  forest m p p' s' (orthant m p p' s' (ints w) [::]) (fun _ => cone_end m p p' s s' (ex w)) (orthants m s (is_even s s')) trees.

(* and of s(F u), s(z) = a z + (1 - a) z_+, for W^T u, |u| an l2 norm.  Of a bias that costs nothing and W
   with sums of 0 the best one is at a kink, with F - 1 f^T for a row f of F in the place of F *)
Definition finer : Z := 24.  (* bits that F is held finer: rounding a chord costs little *)
Definition priced_inputs (free : bool) (k : nat) : nat := if free then k.-1 else k.
Definition fine_rows (k : nat) (f : grid) : seq (seq Z) :=
  map (fun x => map (fun z => Z.shiftl z finer) (take k x)) (ints (lowest f)).
Definition kinks_of (free : bool) (k : nat) (f : seq (seq Z)) : seq (seq Z) :=
  if free then rev (foldl (fun l x => if has (all2 Z.eqb x) l then l else x :: l) [::] f)
  else [:: nseq k Z0].
Definition layer_roots (free : bool) (k : nat) (f : grid) (s' : sign) (w : grid) : seq (seq Z * seq Z) :=
  allpairs pair (kinks_of free k (fine_rows k f)) (orthants k Free (zeros w && is_even Free s')).
Definition layer_root (k n : nat) (p' : norm_form dyadic) (s' : sign) (below above_ : Z) (f w : seq (seq Z))
    (root : seq Z * seq Z) : cone :=
  let g := map (fun x => zip_with Z.sub x root.1) f in
  let h := gscale (Dy below Z0) (mul (transpose k (Grid g Z0)) (transpose n (Grid w Z0))) in
  let points := zip_with (fun w f => (map (Z.mul above_) w, f)) w g in
  orthant k L2 p' s' (ints h) (filter (fun t : point => negb (all (Z.eqb Z0) t.1)) points) root.2.
Definition layer_cones (n k : nat) (free : bool) (p' : norm_form dyadic) (s' : sign) (f : grid) (a : dyadic)
    (w : grid) (trees : seq (tree (nat * nat) unit)) : option dyadic :=
  let k := priced_inputs free k in let w := lowest w in
  let x := lowest (Grid [:: [:: num a]] (dex a)) in let t := Z.min (ex x) Z0 in
  let below := lift (nth Z0 (nth [::] (ints x) 0) 0) (ex x) t in
  let above_ := Z.sub (Z.shiftl 1 (Z.opp t)) below in
  let e := Z.add (Z.add (ex w) (Z.sub (ex (lowest f)) finer)) t in
  forest k L2 p' s' (layer_root k n p' s' below above_ (fine_rows k f) (ints w))
    (fun _ => cone_end k L2 p' Free s' e) (layer_roots free k f s' w) trees.

(* A(x, ..., x) of a tensor A of so many modes, all of size k, and x in an orthant, where its entries have signs.  At
   a leaf x = sum a_j g_j: where A(g_i, ..., g_j) <= t n_i ... n_j and y . g_j >= n_j > 0 it is at most
   t (sum a_j n_j)^order <= t (y . x)^order <= t |y|_*^order |x|^order *)
Fixpoint times_signs (k order : nat) (signs : seq Z) (a : seq Z) : seq Z :=
  if order is o.+1 then
    flatten (zip_with (fun s x => map (Z.mul s) (times_signs k o signs x)) signs (chunks k (k ^ o) a))
  else a.
Fixpoint combination (n : nat) (x : seq Z) (rows : seq (seq Z)) : seq Z :=
  match x, rows with
  | c :: x', r :: rows' => zip_with Z.add (map (Z.mul c) r) (combination n x' rows')
  | _, _ => nseq n Z0
  end.
Fixpoint at_vertices (k order : nat) (g : seq (seq Z)) (a : seq Z) : seq Z :=
  if order is o.+1 then
    flatten (map (fun x => at_vertices k o g (combination (k ^ o) x (chunks k (k ^ o) a))) g)
  else a.
Fixpoint products_at (order : nat) (n : seq Z) : seq Z :=
  if order is o.+1 then let x := products_at o n in flatten (map (fun c => map (Z.mul c) x) n) else [:: Zpos xH].
Definition power_end (k order : nat) (p : norm_form dyadic) (a : seq Z) (c : cone) (_ : unit) : option dyadic :=
  let n := map long_ (vertices c) in let (y, deep) := tilt k c n in
  if [&& all (Z.ltb Z0) n, Z.leb Z0 deep
       & all2 (fun b v => Z.leb (Z.shiftl b deep) (dotz Z0 y (coordinates v))) n (vertices c)] then
    let long := ceil_div (root_up (dual_square None p NonNegative y)) (Z.shiftl 1 deep) in
    let t := foldl steeper (Z0, Zpos xH)
               (zip (at_vertices k order (map (fun v => take k (coordinates v)) (vertices c)) a) (products_at order n)) in
    let b := Z.add guard (Z.log2 t.2) in
    Some (dmul (Dy (ceil_div (Z.shiftl t.1 b) t.2) (Z.opp b)) (power (Dy long Z0) order))
  else None.
Definition is_free (s : sign) : bool := if s is Free then true else false.
Definition power_roots (k order : nat) (s : sign) : seq (seq Z) := orthants k s (~~ odd order && is_free s).
Definition over_powers (k order : nat) (p : norm_form dyadic) (s : sign) (a : seq Z) (trees : seq (tree (nat * nat) unit))
  : option dyadic :=
  forest k p L2 Free (fun _ => orthant k p L2 Free (nseq k [::]) [::] (nseq k (Zpos xH)))
    (fun signs => power_end k order p (times_signs k order signs a)) (power_roots k order s) trees.

(* products of vectors of these modes: where their indices a stand, in the rows after the first ones *)
Fixpoint place_of (l : modes) (a : seq nat) : nat :=
  match l, a with _ :: l', i :: a' => i * size_of l' + place_of l' a' | _, _ => 0 end.
Fixpoint inside_of (l : modes) (a : seq nat) : bool :=
  match l, a with
  | d :: l', i :: a' => Nat.ltb i d.1 && inside_of l' a'
  | [::], [::] => true
  | _, _ => false
  end.
(* x_a x_b >= 0: in each mode their entries have one sign, or are the same *)
Fixpoint alike (l : modes) (a b : seq nat) : bool :=
  match l, a, b with
  | d :: l', i :: a', j :: b' => (eqn i j || if d.2 is Free then false else true) && alike l' a' b'
  | _, _, _ => true
  end.
Definition bump (x : seq (seq Z)) (i j : nat) (v : Z) : seq (seq Z) :=
  let r := nth [::] x i in set_nth [::] x i (set_nth Z0 r j (Z.add (nth Z0 r j) v)).
Definition bump_both (x : seq (seq Z)) (i j : nat) (v : Z) := bump (bump x i j v) j i v.
Section Placed.
Variables (one : bool) (l : modes) (first : nat) (p : multiplier).
(* the pair with the same product: in order in each mode, or all in order where all vectors are one *)
Definition partner (a b : seq nat) : seq nat * seq nat :=
  if one then let c := path.sort Nat.leb (a ++ b) in (take (size a) c, drop (size a) c)
  else (zip_with Nat.min a b, zip_with Nat.max a b).
Definition pair_ok (e : seq nat * seq nat * Z) : bool :=
  let (ab, v) := e in let (a, b) := ab in
  [&& inside_of l a, inside_of l b & if null p then
        let (c, d) := partner a b in inside_of l c && inside_of l d
      else Z.leb Z0 v && alike l a b].
Definition put (x : seq (seq Z)) (e : seq nat * seq nat * Z) : seq (seq Z) :=
  let (ab, v) := e in let (a, b) := ab in let at_ a := first + place_of l a in
  let y := bump_both x (at_ a) (at_ b) v in
  if null p then let (c, d) := partner a b in bump_both y (at_ c) (at_ d) (Z.opp v) else y.
Definition placed (k : nat) : grid := Grid (foldl put (ints (blank k k)) (entries_at p)) (unit_ex p).
End Placed.
(* t with z^T G z <= t |z|^2 where z is a product of vectors from each place where a group begins *)
Fixpoint with_placed (one : bool) (k : nat) (groups : bool -> option (modes * nat)) (g : grid) (p : seq multiplier)
  : option grid :=
  if p is x :: p' then
    if groups (on_right x) is Some (l, first) then
      if all (pair_ok one l x) (entries_at x) then with_placed one k groups (gadd g (placed one l first x k)) p' else None
    else None
  else Some g.
(* M with M z = s v for some s: row c has the numbers f where the mode has the index c *)
Definition insert_at (i c : nat) (r : seq nat) : seq nat := take i r ++ c :: drop i r.
Fixpoint gathered (place : seq nat -> nat) (row : seq Z) (rests : seq (seq nat)) (f : seq Z) : seq Z :=
  match rests, f with
  | r :: rests', x :: f' =>
    let i := place r in gathered place (set_nth Z0 row i (Z.add (nth Z0 row i) x)) rests' f'
  | _, _ => row
  end.
Definition gather (l : modes) (first k i d : nat) (rests : seq (seq nat)) (f : seq Z) (e : Z) : grid :=
  Grid (mkseq (fun c => gathered (fun r => first + place_of l (insert_at i c r)) (nseq k Z0) rests f) d) e.
Definition rest_ok (l : modes) (i d : nat) (r : seq nat) : bool :=
  Nat.leb i (size r) && all (fun c => inside_of l (insert_at i c r)) (iota 0 d).
Definition add_part (k : nat) (splits : seq split) (groups : bool -> option (modes * nat)) (path : seq step)
    (g : option grid) (p : part) : option grid :=
  if g is Some g then
    let s := nth (Split false 0 (Grid [::] Z0)) splits (of_split p) in
    let i := split_mode s in let q := split_Q s in
    if groups (split_right s) is Some (l, first) then
      let d := size (ints q) in
      if all (rest_ok l i d) (rests p) && shaped d d q then
        let add_ (sign : bool) g f :=
          let t := transpose k (gather l first k i d (rests p) f (ex (pF p))) in
          gadd g (gscale (if sign then one else minus_one) (mul t (mul t q))) in
        let with_ g (s : step) := if s.1 is Row j then
            if eqn j (of_split p) then
              foldl (add_ s.2) g (ints (transpose (size (head [::] (ints (pF p)))) (pF p))) else g
          else g in
        Some (foldl with_ g path)
      else None
    else None
  else None.
Definition product_top (one : bool) (k : nat) (splits : seq split) (groups : bool -> option (modes * nat)) (g : grid)
    (path : seq step) (p : product_proof) : option dyadic :=
  if foldl (add_part k splits groups path) (with_placed one k groups g (added p)) (parts p) is Some g then
    if symmetric k g then Some (top k g (pL p) (pshift p)) else None
  else None.
Definition is_split (splits : seq split) (s : plane) : bool :=
  if s is Row i then Nat.ltb i (size splits) else false.
Definition times_sign (s s' : sign) : sign :=
  match s, s' with
  | Free, _ | _, Free => Free
  | NonNegative, x => x
  | NonPositive, NonPositive => NonNegative
  | NonPositive, NonNegative => NonPositive
  end.
Definition sign_of (l : modes) : sign := foldr (fun d => times_sign d.2) NonNegative l.
Definition half_sum (m : nat) (w : grid) : grid := gscale (Dy 1 (Zneg xH)) (gadd w (transpose m w)).  (* (W + W^T) / 2 *)
Definition product_square (d : data) (w : grid) (f : relaxation) (n' : option grid) (splits : seq split)
    (t : cases product_proof) : option dyadic :=
  let m := dm d in let n := dn d in let l := dleft_modes d in let l' := dright_modes d in
  let groups right := if right : bool then if f is Hat then Some (l', m) else None else Some (l, 0) in
  let best k g := worst (sides (is_split splits)) (@no_fact _ _) (product_top (done_vector d) k splits groups g) [::] t in
  if fits (sign_of l) (sign_of l') m n n' && all (@outside_l2 _) (dmode_norms d) then
    let w := plus w n' in
    let squared x := if x is Some p then let p := dmax p dzero in Some (dmul p p) else None in
    match f with
    | Gram => if best m (mul w w) is Some p then Some (dmax p dzero) else None
    | Hat => squared (best (m + n) (hat m n w))
    | Half => if done_vector d && eqn (size l) (size l') then squared (best m (half_sum m w)) else None
    end
  else None.

(* t with (u^T W v)^2 <= t |u|^2 |v|^2 for all u, v of their signs with u^T W v >= 0 *)
Definition plain_square (d : data) (w : grid) (h : polar) : option dyadic :=
  let m := dm d in let n := dn d in
  let wide x y z := dmul x (dmul (ball_cost (dleft_norm d) y) (ball_cost (dright_norm d) z)) in
  match h with
  | Spectral c scales multipliers more l shift =>
    let (y, z) := if scales is Some s then s else (unit_column m, unit_column n) in
    let k := if c then n else m in let s := if c then dright d else dleft d in
    if [&& fits (dleft d) (dright d) m n multipliers, fits s s k k more
        & (if more is Some x then symmetric k x else true) && (positive m y && positive n z)] then
      let x := plus w multipliers in let x := if scales is Some _ then entrywise (mul y z) x else x in let x := if c then transpose n x else x in
      Some (wide (dmax (top k (plus (mul x x) more) l shift) dzero) y z)
    else None
  | Conic boxes t =>
    if conic m n (dleft_norm d) (dright_norm d) (dleft d) (dright d) boxes w t is Some p then
      let p := dmax p dzero in Some (dmul p p)
    else None
  | Lines level =>
    match dleft_norm d, dright_norm d with
    | L1, p => Some (lines level (dleft d) p (dright d) w)
    | p, L1 => Some (lines level (dright d) p (dleft d) (transpose n w))
    | _, _ => None
    end
  | Cones c trees =>
    if (if c then cones (dright_norm d) (dleft_norm d) (dright d) (dleft d) n (transpose n w) trees
        else cones (dleft_norm d) (dright_norm d) (dleft d) (dright d) m w trees) is Some x
    then Some (dmul x x) else None
  | Corners c level =>
    match (if c then dright_norm d else dleft_norm d) with
    | LInf => Some (if c then corners m level (dright d) (dleft_norm d) (dleft d) (transpose n w)
                    else corners n level (dleft d) (dright_norm d) (dright d) w)
    | _ => None
    end
  | _ => None
  end.
(* t with |W^T y|^2 <= t |y|^2 *)
Definition spectral_square (m n : nat) (c : bool) (w : grid) (l : option grid) (shift : dyadic) : dyadic :=
  let x := if c then transpose n w else w in dmax (top (if c then n else m) (mul x x) l shift) dzero.
(* and of s(F u) in the place of u *)
Definition layer_of (d : data) (f : grid) (a : dyadic) (w : grid) (h : polar) : option dyadic :=
  let m := dpatches d in let n := dn d in
  if bias_of m (dinputs d) (dfree d) f is Some b then
  let radii := radii_of b in let column := column_at (dm d) n w in let w := pull_ d w in
  if dfree d && ~~ zeros (column_sums m n w) || negb (outside_l2 (dleft_norm d)) then None else
  if largest_ d then
    match h, dpool d with
    | Pooled each, Some (s, _) => outputs_square n (dright_norm d) (dright d)
        (fun j => pooled_square (dm d) (dinputs d) s f (column j)) each
    | _, _ => None
    end
  else
  match h with
  | DeepLinear c x shift =>
    if dleb a one && dleb one a && negb (dfree d) then
      Some (dmul (spectral_square (dinputs d) n c (mul (transpose (dinputs d) f) (transpose n w)) x shift)
                 (ball_cost (dright_norm d) (unit_column n)))
    else None
  | Layer t =>
    if layer_square m (dinputs d) n f a w b radii [::] None t is Some x
    then Some (dmul (dmax x dzero) (ball_cost (dright_norm d) (unit_column n))) else None
  | Outputs each => outputs_square n (dright_norm d) (dright d)
      (fun j => layer_square m (dinputs d) 1 f a (column_at m n w j) b radii [::]) each
  | Cones false trees =>
    if layer_cones n (dinputs d) (dfree d) (dright_norm d) (dright d) f a w trees is Some x
    then Some (dmul x x) else None
  | _ => None
  end
  else None.
(* of a deep network *)
Definition deep_square (f : grid) (d : nat) (l : seq nat) (a : dyadic) (w : grid) (h : polar) : option dyadic :=
  let m := size (ints f) in let n := last d l in let w := Grid (chunks m n (flatten (ints w))) (ex w) in
  match h with
  | DeepLayers cw cf lw lf sw sf =>
    Some (dmul (dmul (spectral_square m n cw w lw sw) (spectral_square m d cf f lf sf)) (power (dmax one a) (2 * (size l).-1)))
  | DeepLinear c x shift =>
    if dleb a one && dleb one a
    then Some (spectral_square d n c (mul (transpose d f) (transpose n w)) x shift) else None
  | _ => None
  end.
(* of three modes, the first one of norm l1 or of one entry: the largest of its slices, which are matrices.
   Where another mode has no sign it takes the first one's *)
Definition matrix_data (m n : nat) (p p' : norm_form dyadic) (s s' : sign) : data :=
  let none := blank 0 0 in
  Data m n m 0 None false m None None (blank m n) (blank m n) Squared dzero Product p p' (dzero, dzero) s s' [::] [::] [::] false
    false false (blank n 1) (blank m 1) (Designs 0 0 (blank m 0) (blank n 0) none none none) false (blank m 0) (blank n 0)
    (Offsets_ (blank n 1) (blank m 1) none) false dzero dzero.
Definition slice_signs (s s' s'' : sign) : seq dyadic :=
  match s with
  | NonNegative => [:: one]
  | NonPositive => [:: minus_one]
  | Free => if is_free s' || is_free s'' then [:: one] else [:: one; minus_one]
  end.
Definition is_l1 (p : norm_form dyadic) (k : nat) : bool :=
  match p with L1 => true | L2 | LInf => eqn k 1 | _ => false end.
Definition slice_at (m n : nat) (w : grid) (i : nat) : grid := Grid (chunks m n (nth [::] (ints w) i)) (ex w).
Definition slices_square (d : data) (w : grid) (each : seq polar) : option dyadic :=
  match dleft_modes d, dright_modes d, dmode_norms d with
  | [:: (k, s)], [:: (m, s'); (n, s'')], [:: p; p'; p''] =>
    let d' := matrix_data m n p' p'' s' s'' in
    let signed_slice c := map (fun i => gscale c (slice_at m n w i)) (iota 0 k) in
    if is_l1 p k && well_formed d' && eqn (size each) (size (slice_signs s s' s'') * k) then
      if all_of (map (fun x => plain_square d' x.1 x.2)
                   (zip (flatten (map signed_slice (slice_signs s s' s''))) each)) is Some x
      then Some (foldr dmax dzero x) else None
    else None
  | _, _, _ => None
  end.

(* of one vector x in all modes the sum of W over all orders of the modes, of one size: <W, x o ... o x> is that
   sum's divided by the number of orders.  `fronts`: for each index of the j-th of k + 1 modes what is left *)
Fixpoint fronts (d k j : nat) (w : seq Z) : seq (seq Z) :=
  match j, k with
  | j'.+1, k'.+1 => foldr (zip_with cat) (nseq d [::]) (map (fronts d k' j') (chunks d (d ^ k) w))
  | _, _ => chunks d (d ^ k) w
  end.
Fixpoint in_all_orders (d k : nat) (w : seq Z) : seq Z :=
  if k is k'.+1 then
    flatten (map (in_all_orders d k') (foldr (zip_with (zip_with Z.add)) (nseq d (nseq (d ^ k') Z0))
                                         (map (fun j => fronts d k' j w) (iota 0 k))))
  else w.
Definition orders (k : nat) : Z := foldr (fun i => Z.mul (Z.of_nat i)) (Zpos xH) (iota 1 k).
Definition over_orders (d : data) (w : grid) : grid :=
  Grid (chunks (dm d) (dn d) (in_all_orders (dinputs d) (size (modes_of d)) (flatten (ints w)))) (ex w).

(* of a cube in each mode but the first: W, columns of it one behind the other, at the corners of the cubes, one by one *)
Fixpoint cube_corners (n : nat) (l : modes) (w : seq Z) : seq (seq Z) :=
  if l is (k, s) :: l' then
    let rest := size_of l' * n in flatten (map (cube_corners n l') (at_corners rest s (chunks k rest w)))
  else [:: w].
Definition is_cube (p : norm_form dyadic) : bool := if p is LInf then true else false.
Definition cubes_square (d : data) (w : grid) (level : option dyadic) : option dyadic :=
  match dleft_modes d, dmode_norms d with
  | [:: (k, s)], p :: cubes =>
    if all is_cube cubes then
      let w := finer_for p w in let t := if level is Some t then Some (in_units t (ex w)) else None in
      let x := flatten (ints (transpose (dn d) w)) in
      Some (largest_row t p s (Grid (cube_corners k (dright_modes d) x) (ex w)))
    else None
  | _, _ => None
  end.

Definition same_number (x y : dyadic) : bool := Z.eqb (num x) (num y) && Z.eqb (dex x) (dex y).
Definition same_norm (p p' : norm_form dyadic) : bool :=
  match p, p' with
  | L1, L1 | L2, L2 | LInf, LInf => true
  | Weighted w, Weighted w' => all2 same_number w w'
  | Elastic a, Elastic a' => same_number a a'
  | Groups g, Groups g' | LargestGroup g, LargestGroup g' => all2 eqn g g'
  | _, _ => false
  end.
Definition power_square (d : data) (w : grid) (trees : seq (tree (nat * nat) unit)) : option dyadic :=
  match modes_of d, dmode_norms d with
  | (_, s) :: _, p :: _ =>
    if done_vector d && all (same_norm p) (dmode_norms d) then
      if over_powers (dinputs d) (size (modes_of d)) p s (flatten (ints w)) trees is Some b
      then let b := dmul b (Dy 1 (ex w)) in Some (dmul b b) else None
    else None
  | _, _ => None
  end.
(* of two modes: x^T W x, a form of one ball, or as if it were u^T W v *)
Definition twin_square (d : data) (w : grid) (h : polar) : option dyadic :=
  match dleft_modes d, dright_modes d, dmode_norms d with
  | [:: (k, s)], [:: _], [:: p; p'] =>
    match h with
    | Conic (false, false) t =>
      let x := Ball k p s false in
      if same_norm p p' && (if p is Groups _ then false else true) then
        if balls x (Ball 0 L2 Free false) (half_sum k w) (sparse_rows k (signed_at x 0) Z0) t is Some b
        then let b := dmax (dadd b b) dzero in Some (dmul b b) else None
      else None
    | Spectral _ _ _ _ _ _ | Lines _ =>
      let d' := matrix_data k k p p' s s in if well_formed d' then plain_square d' w h else None
    | _ => None
    end
  | _, _, _ => None
  end.

(* of a tensor *)
Definition tensor_rule (d : data) (w : grid) (h : polar) : option dyadic :=
  match h with
  | Products f n splits t => product_square d w f n splits t
  | Slices each => slices_square d w each
  | Cones false trees => power_square d w trees
  | Corners false level => cubes_square d w level
  | _ => None
  end.
Definition tensor_square (d : data) (w : grid) (h : polar) : option dyadic :=
  let k := size (modes_of d) in
  if ~~ done_vector d then tensor_rule d w h else
  if eqn k 2 then twin_square d w h else
  if tensor_rule d (over_orders d w) h is Some t then Some (over_up t (square_ (orders k))) else None.
(* |u|_2^2 |v|_2^2 is at most that, times theirs *)
Definition flat_cost (d : data) : option dyadic :=
  if is_tensor d then if all (@outside_l2 _) (dmode_norms d) then Some one else None
  else Some (dmul (ball_cost (dleft_norm d) (unit_column (dm d))) (ball_cost (dright_norm d) (unit_column (dn d)))).
Definition flat_square (d : data) (w : grid) (h : polar) : option dyadic :=
  if is_tensor d then tensor_square d w h else plain_square d w h.
(* W = z X + E: |E| |u|_2 |v|_2 more *)
Definition near_square (d : data) (w : grid) (z : dyadic) (x : grid) (c t : dyadic) : dyadic :=
  let e := gsub w (gscale z x) in
  let p := dadd (dmul z (sqrt_up (dmax t dzero))) (sqrt_up (dmul (inner e e) c)) in dmul p p.
Definition square_of (d : data) (w : grid) (h : polar) : option dyadic :=
  if ddeep d is Some (f, c :: l, a) then deep_square f c l a w h else
  if dlayer d is Some (f, a) then layer_of d f a w h else
  if h is Near z x of_x then
    if shaped (dm d) (dn d) x && Z.leb Z0 (num z) then
      match flat_square d x of_x, flat_cost d with
      | Some t, Some c => Some (near_square d w z x c t)
      | _, _ => None
      end
    else None
  else flat_square d w h.

(* W is of what is seen, and its sums are 0 where offsets cost nothing *)
Definition usable (d : data) (s : dyadic) (w : grid) : bool :=
  [&& Z.leb Z0 (num s), shaped (dm d) (dn d) w, supported w (dC d) & affordable_ d s w].
(* s with s <W, u v^T> <= lam |u| |v| *)
Definition multiple (d : data) (p : dual) : option dyadic :=
  let w := dW p in
  if square_of d w (how p) is Some t then
    let s := scale (limit_of d (at_most p) w) (dlam d) t in if usable d s w then Some s else None
  else None.

Definition turned_ (d : data) (w : grid) : grid :=
  if logistic (dloss d) then doubled d w else if labelled (dloss d) then entrywise (dY d) w else w.
(* c y - w, of counts *)
Definition counts_less (d : data) (w : grid) : grid := gsub (entrywise (dC d) (dY d)) w.
(* whether c h(z; y) + w z is bounded below: w / c, of labels y w / c, is a slope of the costs *)
Definition inside (d : data) (w : grid) : bool :=
  let x := turned_ d w in let c := dC d in
  match dloss d with
  | Squared => true
  | Huber delta => le_ (gscale (dsub dzero delta) c) x && le_ x (gscale delta c)
  | Quantile tau => le_ (gscale (dsub tau one) c) x && le_ x (gscale tau c)
  | Absolute => le_ (gscale minus_one c) x && le_ x c
  | Hinge | Logistic => nonneg x && le_ x c
  | SquaredHinge => nonneg x
  | KullbackLeibler => let x := gadd c w in nonneg x && supported (dY d) x
  | Poisson => nonneg (counts_less d w)
  | Softmax => nonneg (counts_less d w) && all (fun r => Z.eqb (sumz (fun z _ => z) Z0 r r) Z0) (ints w)
  end.
(* and then at least at w y - w^2 / 2c, or what is left of the square *)
Definition bend (l : loss_form dyadic) (x : dyadic) : dyadic :=
  match l with Squared | Huber _ => x | SquaredHinge => dhalf x | _ => dzero end.

(* the dual value s <W, Y> - s^2 / 2 (sum W^2 / C + cost), rounded down *)
Definition entropies (d : data) (w : grid) : dyadic :=  (* sum - a ln(a / c) - (c - a) ln(1 - a / c) *)
  let a := turned_ d w in let e := Z.min (ex a) (ex (dC d)) in
  Dy (sum_rows (fun a c => let b := Z.sub c a in
        Z.opp (Z.add (Z.mul a (log_above a c)) (Z.mul b (log_above b c)))) Z0 (regrid a e) (regrid (dC d) e))
     (Z.sub e 100).
Definition divergences (d : data) (w : grid) : dyadic :=  (* sum c y ln((c + w) / c) *)
  let w := where_ (dY d) w in let e := Z.min (ex w) (ex (dC d)) in
  inner (dY d) (Grid (zip_with (zip_with (fun w c => Z.mul c (log_below (Z.add c w) c)))
                        (regrid w e) (regrid (dC d) e)) (Z.sub e 100)).
Definition exponentials (d : data) (w : grid) : dyadic :=  (* sum k - k ln(k / c), k = c y - w *)
  let k := counts_less d w in let e := Z.min (ex k) (ex (dC d)) in
  Dy (sum_rows (fun k c => Z.mul k (Z.sub half_ (log_above k c))) Z0 (regrid k e) (regrid (dC d) e))
     (Z.sub e 100).
Definition class_entropies (d : data) (w : grid) : dyadic :=  (* sum - k ln(k / sum of its row), k = c y - w *)
  let k := counts_less d w in
  let row r := let c := sumz (fun z _ => z) Z0 r r in sumz (fun z _ => Z.opp (Z.mul z (log_above z c))) Z0 r r in
  Dy (foldr (fun r => Z.add (row r)) Z0 (ints k)) (Z.sub (ex k) 100).
Definition likelihoods (d : data) (w : grid) : dyadic :=
  if classes (dloss d) then class_entropies d w else
  if logistic (dloss d) then entropies d w else
  if signed (dloss d) then exponentials d w else divergences d w.
Definition dual_value (d : data) (w : grid) (s : dyadic) : dyadic :=
  if transcendental (dloss d) then
    dsub (likelihoods d (gscale s w)) (dhalf (dmul (dmul s s) (cost_ d w)))
  else
  dsub (dmul s (inner w (dY d)))
       (dhalf (dmul (dmul s s) (dadd (bend (dloss d) (squares_over_up w (dC d))) (cost_ d w)))).

(* no loss is below it *)
Definition least_loss (d : data) : dyadic :=
  if signed (dloss d) then exponentials d (blank (dm d) (dn d)) else dzero.
Definition weak_bound (d : data) (p : option dual) : option dyadic :=
  if p is Some p then
    if multiple d p is Some s then
      if inside d (gscale s (dW p)) then Some (dmax (dual_value d (dW p) s) (least_loss d)) else None
    else None
  else Some (least_loss d).

(* |P X P'|^2, P and P' without the means that are fitted, rounded down *)
Definition centred (d : data) (x : grid) : dyadic :=
  let m := Z.of_nat (dm d) in let n := Z.of_nat (dn d) in
  let rows := row_sums (dn d) x in let cols := column_sums (dm d) (dn d) x in
  let all_ := column_sums (dm d) 1 rows in
  let e := inner x x in
  let e := if dcolumns d then dsub e (over_up (inner cols cols) m) else e in
  let e := if drows d then dsub e (over_up (inner rows rows) n) else e in
  if dcolumns d && drows d then dadd e (over_down (inner all_ all_) (Z.mul m n)) else e.

(* 1/2 |Y - S - Z - offsets|^2 >= (|P X P'|^2 - r0 t - |K|^2) / 2 over the Z of r0 columns at most,
   X = Y - S - (any offsets), X X^T <= t I + K K^T or X^T X <= t I + K K^T *)
Definition excess (d : data) (f : fan) (rest : grid) : option dyadic :=
  let k := if fan_columns f then dn d else dm d in
  if [&& down d && ones (dC d) && eqn (left_width_ (dX d)) 0, if dloss d is Squared then true else false, Nat.leb 1 (dm d), Nat.leb 1 (dn d), shaped k (fwidth f) (fK f)
      & means_ok d (fA f) (fB f)] then
    let x := gsub rest (mul (beside (unit_column (dm d)) (fB f)) (beside (fA f) (unit_column (dn d)))) in
    let y := if fan_columns f then transpose (dn d) x else x in
    let t := top k (gsub (mul y y) (mul (fK f) (fK f))) (fan_L f) (fan_shift f) in
    let head := dadd (dmul (Dy (Z.of_nat (dr d)) Z0) (dmax t dzero)) (inner (fK f) (fK f)) in
    Some (dmax (dhalf (dsub (centred d x) head)) dzero)
  else None.

(* s rounded down to 53 bits *)
Definition coarse (s : dyadic) : dyadic :=
  let b := Z.sub (log_guess (num s)) 52 in
  if Z.leb b Z0 then s else Dy (Z.shiftr (num s) b) (Z.add (dex s) b).
Definition below (s : dyadic) : dyadic :=  (* tested: 0 <= coarse s <= s *)
  let x := coarse s in if Z.leb Z0 (num x) && dleb x s then x else dzero.

Definition own_bound (d : data) (f : fan) (p : option dual) : option dyadic :=
  if p is Some p then
    if multiple d p is Some s then
      let s := below s in
      if excess d f (gsub (dY d) (gscale s (dW p))) is Some e
      then Some (dmax (dadd (dual_value d (dW p) s) e) dzero) else None
    else None
  else excess d f (dY d).

Definition bound (d : data) (f : option fan) (p : option dual) : option dyadic :=
  if f is Some f then own_bound d f p else weak_bound d p.

(* Beside an l1 penalty: a question without it, of which all is at most what it was without it and
   slope times sum |u_k|_1 |v_k|_1 *)
Definition priced_anew (d : data) (lam : dyadic) (p p' : norm_form dyadic) : data :=
  Data (dm d) (dn d) (dinputs d) (dr d) (dlayer d) (dfree d) (dpatches d) (dpool d) (ddeep d) (dY d) (dC d)
    (dloss d) lam Product p p' (dzero, dzero) (dleft d) (dright d) (dleft_modes d) (dright_modes d) (dmode_norms d)
    (done_vector d) (dcolumns d) (drows d) (dP d) (dQ d) (dX d) (down d) (dU d) (dV d) (dO d) (dfound d) (drtol d) (datol d).
Definition within_l1 (T : Type) (p : norm_form T) : bool := match p with L1 | L2 | LInf => true | _ => false end.
Definition is_matrix (d : data) : bool :=
  match ddeep d, dlayer d with None, None => ~~ is_tensor d | _, _ => false end.
Definition without_l1 (d : data) (own : bool) (slope : dyadic) : option data :=
  if Z.leb Z0 (num slope) && (own && Z.eqb (num slope) Z0
      || [&& is_matrix d, within_l1 (dleft_norm d) & within_l1 (dright_norm d)]) then
    Some (if own then priced_anew d (dadd (dlam d) slope) (dleft_norm d) (dright_norm d)
          else priced_anew d slope L1 L1)
  else None.
(* levels and slopes *)
Fixpoint line_levels (d : data) (l : seq line) : option (seq (dyadic * dyadic)) :=
  if l is x :: l' then
    if without_l1 d (own_norms x) (slope_of x) is Some d' then
      match bound d' (line_fan x) (line_dual x), line_levels d l' with
      | Some b, Some rest => Some ((b, slope_of x) :: rest)
      | _, _ => None
      end
    else None
  else Some [::].
Definition low_root (x : dyadic) : dyadic :=  (* rounded down *)
  let e := Z.sub (Z.div (dex x) 2) guard in Dy (root_down (lift (num x) (dex x) (Z.add e e))) e.
Definition quotient (a b : dyadic) : dyadic :=  (* b > 0; rounded down *)
  let e := Z.sub (dex a) (Z.log2 (num b)) in
  let x := over_down (Dy (lift (num a) (dex a) e) e) (num b) in Dy (num x) (Z.sub (dex x) (dex b)).
(* the largest line and the root of c t at t = x / y *)
Definition height (c : dyadic) (l : seq (dyadic * dyadic)) (first x y : dyadic) : dyadic :=
  let value p := dsub (dmul p.1 y) (dmul p.2 x) in
  quotient (dadd (foldr (fun p => dmax (value p)) (dmul first y) l) (low_root (dmul c (dmul x y)))) y.
(* its least where two lines meet, or at 0 *)
Definition lowest_height (c first : dyadic) (l : seq (dyadic * dyadic)) : dyadic :=
  let all_ := (first, dzero) :: l in
  let meet p q low :=
    let x := dsub p.1 q.1 in let y := dsub p.2 q.2 in
    if Z.leb Z0 (num x) && Z.ltb Z0 (num y) then dmin (height c l first x y) low else low in
  foldr (fun p low => foldr (meet p) low all_) (foldr (fun p => dmax p.1) first l) all_.
Definition concave (d : data) (l : seq line) : option dyadic :=
  if line_levels d l is Some found then
    let (a, b) := dl1 d in Some (lowest_height (dmul (Dy 4 Z0) (dmul a b)) (least_loss d) found)
  else None.

Definition bound_by (d : data) (e : evidence) : option dyadic :=
  match e with Single f p => bound d f p | Lines_ l => concave d l end.

(* no value of the candidate's factors is below it, with any offsets: that of a dual point of its own,
   f >= D(W) - <W, Z> + lam sum theta *)
Definition floor_ (d : data) (w : option (grid * dyadic)) : option dyadic :=
  if w is Some (w, h) then
    let s := limit_of d h w in
    if usable d s w && inside d (gscale s w) then
      Some (dadd (dsub (dual_value d w s) (dmul s (inner w (mul (hidden_ d (dr d) (dU d)) (dV d)))))
                 (penalty false d (dr d) (dU d) (dV d)))
    else None
  else Some (least_loss d).

Definition decide (d : data) (lower low upper : dyadic) (x : option better) : verdict :=
  let eps := dmax (datol d) (dmul (drtol d) (dabs upper)) in
  if dleb (dsub upper lower) eps then Certified
  else if x is Some x then
    if point_ok d (bsize x) (bU x) (bV x) (bO x)
       && finite_ d (bsize x) (bU x) (bV x) (bO x)
       && dltb (dadd (value true d (bsize x) (bU x) (bV x) (bO x)) eps) low then
      if Nat.leb (bsize x) (dr d) then Refuted else if down d then Undecided else RankLimited
    else Undecided
  else Undecided.

Definition check_with (d : data) (e : evidence) (w : option (grid * dyadic)) (x : option better)
  : option (dyadic * dyadic * verdict) :=
  if well_formed d && finite_ d (dr d) (dU d) (dV d) (dO d) then
    if bound_by d e is Some lower then
      let l up := dadd (loss_ up d (dr d) (dU d) (dV d) (dO d)) (ridge_ d (dO d)) in
      let most := l true in let least := if transcendental (dloss d) then l false else most in
      let upper := dadd most (penalty true d (dr d) (dU d) (dV d)) in
      let low := if dfound d then floor_ d w else Some (dadd least (penalty false d (dr d) (dU d) (dV d))) in
      if low is Some low then Some (lower, upper, decide d lower low upper x) else None
    else None
  else None.
End Check.
