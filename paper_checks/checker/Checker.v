(* The checker: integers and lists.  A grid is rows of integers times 2^ex, as `Grid` of the
   Python kernel; a dyadic number is num 2^dex.  Nothing is rounded but where a name says so. *)

From Coq Require Import ZArith.
From mathcomp Require Import ssreflect ssrbool ssrnat eqtype seq.
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
Fixpoint log_guess (fuel : nat) (x : Z) : Z :=  (* of x >= 1, to base 2, rounded down *)
  if fuel is S k then
    let b := Z.shiftl 1 (Z.of_nat k) in let high := Z.shiftr x b in
    if Z.eqb high Z0 then log_guess k x else Z.add b (log_guess k high)
  else Z0.
Fixpoint newton (fuel : nat) (x s : Z) : Z :=
  if fuel is S k then
    let t := Z.div (Z.add s (Z.div x s)) 2 in if Z.ltb t s then newton k x t else s
  else s.
Definition root_guess (x : Z) : Z :=
  newton 64 x (Z.shiftl 1 (Z.div (Z.add (log_guess 24 x) 3) 2)).
Definition root_down (x : Z) : Z :=
  let s := root_guess x in if Z.leb Z0 s && Z.leb (Z.mul s s) x then s else Z0.
Definition root_up (x : Z) : Z :=
  let s := root_guess x in let t := if Z.ltb (Z.mul s s) x then Z.succ s else s in
  if Z.leb Z0 t && Z.leb x (Z.mul t t) then t else Z.succ (Z.abs x).
Definition squares_over_up (w c : grid) : dyadic :=  (* sum w^2 / c, rounded up *)
  let top := foldl (foldl Z.max) Z0 (ints c) in let b := Z.add guard (Z.log2 top) in
  Dy (sum_rows (fun w c => ceil_div (Z.shiftl (Z.mul w w) b) c) Z0 (ints w) (ints c))
     (Z.sub (Z.sub (Z.add (ex w) (ex w)) (ex c)) b).

Definition wide (n : nat) (a : grid) := all (fun r => Nat.leb (size r) n) (ints a).
Definition shaped (m n : nat) (a : grid) :=
  eqn (size (ints a)) m && all (fun r => eqn (size r) n) (ints a).
Definition nonneg (a : grid) := all (all (Z.leb Z0)) (ints a).
Definition supported (w c : grid) :=  (* W is 0 where nothing is observed *)
  all2 (all2 (fun w c => Z.ltb Z0 c || Z.eqb w Z0)) (ints w) (ints c).

(* the question, and what the file holds to prove it *)
Record data := Data {
  dm : nat; dn : nat; dr : nat;
  dY : grid; dC : grid; dlam : dyadic; dform : theta_form;
  dU : grid; dV : grid; drtol : dyadic; datol : dyadic }.

Record dual := Dual { by_columns : bool; dW : grid; dL : option grid; shift : dyadic }.
Record better := Better { bsize : nat; bU : grid; bV : grid }.

Definition well_formed (d : data) : bool :=
  [&& shaped (dm d) (dn d) (dY d), shaped (dm d) (dn d) (dC d), nonneg (dC d),
      shaped (dm d) (dr d) (dU d), shaped (dn d) (dr d) (dV d) & Z.leb Z0 (num (dlam d))].

Section Check.
Variable mul : grid -> grid -> grid.  (* A B^T *)

(* sum over the columns of |u_k| |v_k|, rounded down or up, or of (|u_k|^2 + |v_k|^2) / 2 *)
Definition column_squares (r : nat) (u : grid) : seq Z :=
  map (fun x => dotz Z0 x x) (ints (transpose r u)).
Definition products (root : Z -> Z) (r : nat) (u v : grid) : dyadic :=
  Dy (sumz (fun a b => root (Z.shiftl (Z.mul a b) (Z.add guard guard))) Z0
       (column_squares r u) (column_squares r v)) (Z.sub (Z.add (ex u) (ex v)) guard).
Definition thetas (root : Z -> Z) (f : theta_form) (r : nat) (u v : grid) : dyadic :=
  match f with
  | Product => products root r u v
  | Sum => dhalf (dadd (inner u u) (inner v v))
  end.

(* the objective, rounded as the root is *)
Definition loss (d : data) (u v : grid) : dyadic := dhalf (squares (dC d) (gsub (mul u v) (dY d))).
Definition penalty (root : Z -> Z) (d : data) (r : nat) (u v : grid) : dyadic :=
  dmul (dlam d) (thetas root (dform d) r u v).
Definition value (root : Z -> Z) (d : data) (r : nat) (u v : grid) : dyadic :=
  dadd (loss d u v) (penalty root d r u v).

(* t with X X^T <= t I: by row sums, or by shift I - X X^T - L L^T *)
Definition top (k : nat) (x : grid) (l : option grid) (shift : dyadic) : dyadic :=
  let g := mul x x in
  if l is Some l then
    if eqn (size (ints l)) k && wide k l then
      dmin (dadd shift (row_max (gsub (scalar k shift) (gadd g (mul l l))))) (row_max g)
    else row_max g
  else row_max g.

(* s >= 0 with s^2 t <= lam^2: about lam / sqrt t, at most 1, and 0 if the test fails *)
Definition tested (lam t s : dyadic) : dyadic :=
  if Z.leb Z0 (num s) && dleb (dmul (dmul s s) t) (dmul lam lam) then s else dzero.
Definition guess (lam t : dyadic) : dyadic :=
  let l2 := dmul lam lam in
  if dleb t l2 then one else
    let e := Z.sub (dex l2) (dex t) in
    let b := Z.add (Z.add guard guard) (log_guess 24 (num t)) in
    let k := Z.add b (Z.modulo (Z.add b e) 2) in
    Dy (root_guess (Z.div (Z.shiftl (num l2) k) (num t))) (Z.div (Z.sub e k) 2).
Definition scale (lam t : dyadic) : dyadic := tested lam t (guess lam t).

(* the dual value s <W, Y> - s^2 / 2 sum W^2 / C, rounded down; at least 0 *)
Definition lower_bound (d : data) (p : option dual) : option dyadic :=
  if p is Some p then
    let w := dW p in
    if shaped (dm d) (dn d) w && supported w (dC d) then
      let t := if by_columns p then top (dn d) (transpose (dn d) w) (dL p) (shift p)
               else top (dm d) w (dL p) (shift p) in
      let s := scale (dlam d) t in
      Some (dmax (dsub (dmul s (inner w (dY d))) (dhalf (dmul (dmul s s) (squares_over_up w (dC d)))))
                 dzero)
    else None
  else Some dzero.

Definition decide (d : data) (lower low upper : dyadic) (x : option better) : verdict :=
  let eps := dmax (datol d) (dmul (drtol d) (dabs upper)) in
  if dleb (dsub upper lower) eps then Certified
  else if x is Some x then
    if [&& shaped (dm d) (bsize x) (bU x), shaped (dn d) (bsize x) (bV x)
         & dltb (dadd (value root_up d (bsize x) (bU x) (bV x)) eps) low] then
      if Nat.leb (bsize x) (dr d) then Refuted else RankLimited
    else Undecided
  else Undecided.

Definition check_with (d : data) (p : option dual) (x : option better)
  : option (dyadic * dyadic * verdict) :=
  if well_formed d then
    if lower_bound d p is Some lower then
      let l := loss d (dU d) (dV d) in
      let upper := dadd l (penalty root_up d (dr d) (dU d) (dV d)) in
      let low := dadd l (penalty root_down d (dr d) (dU d) (dV d)) in
      Some (lower, upper, decide d lower low upper x)
    else None
  else None.
End Check.
