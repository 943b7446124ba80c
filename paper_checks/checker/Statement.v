(* What a verified answer says, without a word about how it was found.

   A problem is an m x n matrix Y with weights C >= 0 (1 where none are given, 0 where nothing is
   observed), features F of its rows and the slope of the activation of a hidden layer (of a matrix
   F = 1 and the slope is 1), of which row of Y each row of F is a patch and whether the largest of a
   row's patches is taken or their sum, whether the last feature is the bias of a unit that costs nothing, a loss,
   a penalty lam, two norms, what the sizes of the factors' entries cost beside it, the signs that they may have, whether a number is fitted
   for each column, or each row, beside the factors, what their squares cost, two designs A and B where
   A X B^T is fitted, too, whose X costs by its squares and by its sizes, and a candidate: factors U0, V0
   with r0 columns, or hidden units.  (Of one number for all entries A and B are a column of ones, of
   covariates of the rows B = I, of a sparse part A = B = I.)  A tensor is unfolded, some of its modes into the rows of Y
   and the others into its columns: then each column of U holds the vectors of a slice, below each other, and what is
   multiplied is the product of those of the rows with that of the columns. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From Checker Require Export Words.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Statement.

(* the real numbers, a real closed field with exp and log: e^x is the only such function *)
Record numbers := Numbers {
  real :> rcfType; exp : real -> real; log : real -> real;
  exp_add : forall x y, exp (x + y) = exp x * exp y;
  exp_above : forall x, 1 + x <= exp x;
  exp_log : forall x, 0 < x -> exp (log x) = x }.
Variable R : numbers.

Record question := Question {
  m : nat; n : nat; inputs : nat; r0 : nat;
  patches : nat; F : 'M[R]_(patches, inputs); slope : R;  (* of a matrix m, 1 and 1 *)
  row_of_patch : nat -> nat; take_largest : bool;  (* where the slope is 0; else the sum; of a matrix one patch a row *)
  features : nat -> nat -> R; widths : seq nat;  (* of a deep network; no widths else *)
  free_bias : bool;  (* the last row of U costs nothing *)
  Y : 'M[R]_(m, n); C : 'M[R]_(m, n); loss : loss_form R;
  lam : R; form : theta_form; left_norm : norm_form R; right_norm : norm_form R;
  l1_left : R; l1_right : R;  (* what the sizes of the factors' entries cost beside that *)
  left : sign; right : sign;
  left_modes : modes; right_modes : modes;  (* of a tensor: those of the rows of Y, and of its columns *)
  mode_norms : seq (norm_form R); one_vector : bool;  (* one norm each; all vectors of a slice are the same *)
  columns : bool; rows : bool;  (* fitted beside the factors *)
  ridge_a : 'rV[R]_n; ridge_b : 'cV[R]_m;  (* what their squares cost; 0: nothing *)
  left_width : nat; right_width : nat;
  left_design : 'M[R]_(m, left_width); right_design : 'M[R]_(n, right_width);  (* A and B *)
  fitted_x : nat -> nat -> bool;  (* the entries of X that are; the others are 0 *)
  ridge_x : 'M[R]_(left_width, right_width); rho_x : 'M[R]_(left_width, right_width);  (* of squares, of sizes *)
  own_size : bool;  (* about at most r0 columns of factors, not about any number *)
  U0 : 'M[R]_(inputs, r0); V0 : 'M[R]_(n, r0);
  a0 : 'rV[R]_n; b0 : 'cV[R]_m; x0 : 'M[R]_(left_width, right_width);
  found : bool;  (* the candidate has the best offsets, not a0, b0 and x0 *)
  rtol : R; atol : R }.

(* |u| *)
Definition norm (p : norm_form R) k (u : 'cV[R]_k) : R :=
  match p with
  | L1 => \sum_i `|u i 0|
  | L2 => Num.sqrt (\sum_i u i 0 ^+ 2)
  | LInf => \big[Num.max/0]_i `|u i 0|
  | Weighted w => Num.sqrt (\sum_(i < k) nth 0 w i * u i 0 ^+ 2)
  | Elastic alpha => alpha * (\sum_i `|u i 0|) + (1 - alpha) * Num.sqrt (\sum_i u i 0 ^+ 2)
  | Groups g => \sum_(c < k) Num.sqrt (\sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2)
  | LargestGroup g => \big[Num.max/0]_(c < k) Num.sqrt (\sum_(i < k | nth 0%N g i == c) u i 0 ^+ 2)
  end.

(* of the sizes of a slice's K factors their product, or 1/K times the sum of their K-th powers *)
Definition theta f (x : seq R) : R :=
  match f with Product => \prod_(y <- x) y | Sum => (\sum_(y <- x) y ^+ size x) / (size x)%:R end.

(* the activation of a hidden unit: of slope 0 it is relu, of slope 1 nothing *)
Definition act (a z : R) : R := if 0 <= z then z else a * z.

(* h(z; y), what z costs where y is the datum; a label is 1 or -1, of the logistic loss 1 or 0; of
   classes y is 1 in the column of a row's class, 0 in the others, and s is ln(sum of e^z over the row) *)
Definition entry_loss (l : loss_form R) (s z y : R) : R :=
  match l with
  | Squared => (y - z) ^+ 2 / 2
  | Huber delta => if `|y - z| <= delta then (y - z) ^+ 2 / 2 else delta * `|y - z| - delta ^+ 2 / 2
  | Quantile tau => if 0 <= y - z then tau * (y - z) else (tau - 1) * (y - z)
  | Absolute => `|y - z|
  | Hinge => Num.max 0 (1 - y * z)
  | SquaredHinge => Num.max 0 (1 - y * z) ^+ 2
  | Logistic => log (1 + exp ((1 - 2 * y) * z))
  | KullbackLeibler => z - y * log z + y * log y - y
  | Poisson => exp z - y * z
  | Softmax => y * (s - z)
  end.

(* where it is finite *)
Definition finite (l : loss_form R) (z y : R) : Prop :=
  if l is KullbackLeibler then 0 <= z /\ (0 < y -> 0 < z) else True.

Definition meets (s : sign) k r (U : 'M[R]_(k, r)) : Prop :=
  match s with
  | Free => True
  | NonNegative => forall i j, 0 <= U i j
  | NonPositive => forall i j, U i j <= 0
  end.

(* x_0 o x_1 o ..., the product of vectors: its entry i in row-major order *)
Definition of_sign (s : sign) (x : R) : Prop :=
  match s with Free => True | NonNegative => 0 <= x | NonPositive => x <= 0 end.
Fixpoint product_at (l : modes) (x : nat -> nat -> R) (i : nat) : R :=
  if l is _ :: l' then x 0%N (i %/ size_of l')%N * product_at l' (fun j => x j.+1) (i %% size_of l')%N else 1.

(* a deep network at a row x: s(.. s(x X_1) X_2 ..) X_K, where X_1, X_2, ... stand behind each other in w, row by
   row, of sizes d x l_1, l_1 x l_2, ...; and their Frobenius norms *)
Fixpoint network (a : R) (d : nat) (l : seq nat) (w x : nat -> R) (j : nat) : R :=
  if l is e :: l' then
    let z i := \sum_(k < d) x k * w (k * e + i)%N in
    if l' is [::] then z j else network a e l' (fun k => w (d * e + k)%N) (fun i => act a (z i)) j
  else x j.
Fixpoint layer_norms (d : nat) (l : seq nat) (w : nat -> R) : seq R :=
  if l is e :: l' then Num.sqrt (\sum_(k < d * e) w k ^+ 2) :: layer_norms e l' (fun k => w (d * e + k)%N) else [::].
Definition number k (u : 'cV[R]_k) (i : nat) : R := if insub i is Some j then u j 0 else 0.

Variable q : question.

(* the vectors of a tensor's slice: entry i of the k-th, 0 behind its end *)
Definition tensor_modes : modes := left_modes q ++ right_modes q.
Definition vector (u : 'cV[R]_(inputs q)) (k i : nat) : R :=
  if (i < (nth (0%N, Free) tensor_modes k).1)%N
  then number u ((if one_vector q then 0 else sumn (map fst (take k tensor_modes))) + i)%N else 0.

(* what the left factors give on each patch, s(F U), and on each row of Y: the sum of its patches, or the
   largest; of a matrix it is U, of a tensor the product of the vectors of the rows' modes.  A deep network gives
   each of its outputs, where Y is one column of these *)
Definition activations r (U : 'M[R]_(inputs q, r)) : 'M[R]_(patches q, r) := map_mx (act (slope q)) (F q *m U).
Definition hidden r (U : 'M[R]_(inputs q, r)) : 'M[R]_(m q, r) :=
  \matrix_(i, j) if widths q is d :: l then
    network (slope q) d l (number (col j U)) (features q (i %/ last d l)%N) (i %% last d l)%N
    else if left_modes q is _ :: _ then product_at (left_modes q) (vector (col j U)) i
    else if take_largest q
    then \big[Num.max/0]_(k < patches q | row_of_patch q k == i) activations U k j
    else \sum_(k < patches q | row_of_patch q k == i) activations U k j.

(* what of the left factors costs something: all, or all but the biases, their last row *)
Definition priced r (U : 'M[R]_(inputs q, r)) : 'M[R]_(inputs q, r) :=
  \matrix_(i, j) if free_bias q && (i.+1 == inputs q)%N then 0 else U i j.

(* V is any matrix; of a tensor the products of the vectors of the columns' modes, of a deep network 1 *)
Definition completes r (U : 'M[R]_(inputs q, r)) (V : 'M[R]_(n q, r)) : Prop :=
  if widths q is _ :: _ then V = const_mx 1 else
  if left_modes q is [::] then True else
  forall i j, V i j = product_at (right_modes q) (fun k => vector (col j U) (size (left_modes q) + k)) i.

(* the sizes of a slice's factors: |u| and |v|, of a deep network |X_1|, ..., |X_K|, of a tensor one for each mode *)
Definition sizes (u : 'cV[R]_(inputs q)) (v : 'cV[R]_(n q)) : seq R :=
  if widths q is d :: l then layer_norms d l (number u) else
  if left_modes q is [::] then [:: norm (left_norm q) (priced u); norm (right_norm q) v] else
  mkseq (fun k => norm (nth L2 (mode_norms q) k) (\col_(i < (nth (0%N, Free) tensor_modes k).1) vector u k i))
    (size tensor_modes).

(* a, b and X *)
Record offsets := Offsets {
  of_columns : 'rV[R]_(n q); of_rows : 'cV[R]_(m q); of_designs : 'M[R]_(left_width q, right_width q) }.

(* H(a, b, X) = sum ridge_j / 2 a_j^2 + sum ridge_i / 2 b_i^2 + sum ridge_kl / 2 X_kl^2 + rho_kl |X_kl| *)
Definition ridge (o : offsets) : R :=
  \sum_j ridge_a q 0 j / 2 * of_columns o 0 j ^+ 2 + \sum_i ridge_b q i 0 / 2 * of_rows o i 0 ^+ 2
  + \sum_k \sum_l (ridge_x q k l / 2 * of_designs o k l ^+ 2 + rho_x q k l * `|of_designs o k l|).

(* what is fitted to Y *)
Definition fitted r (U : 'M[R]_(inputs q, r)) (V : 'M[R]_(n q, r)) (o : offsets) i j : R :=
  (hidden U *m V^T) i j + of_columns o 0 j + of_rows o i 0
  + (left_design q *m of_designs o *m (right_design q)^T) i j.

(* f(U, V, a, b, X) = sum C_ij h((hidden V^T)_ij + a_j + b_i + (A X B^T)_ij; Y_ij) + H(a, b, X)
   + lam sum_k theta(u_k, v_k), u_k without its bias where that costs nothing,
   + sum_k l1_left |u_k|_1 + l1_right |v_k|_1, all of u_k *)
Definition objective r (U : 'M[R]_(inputs q, r)) (V : 'M[R]_(n q, r)) (o : offsets) : R :=
  \sum_i \sum_j C q i j
    * entry_loss (loss q) (log (\sum_k exp (fitted U V o i k))) (fitted U V o i j) (Y q i j)
  + ridge o
  + lam q * (\sum_k theta (form q) (sizes (col k U) (col k V)))
  + \sum_k (l1_left q * norm L1 (col k U) + l1_right q * norm L1 (col k V)).

(* who competes: all whose objective is finite, of their signs and of at most that size *)
Definition competes r (U : 'M[R]_(inputs q, r)) (V : 'M[R]_(n q, r)) (o : offsets) : Prop :=
  [/\ [/\ meets (left q) U, meets (right q) V, completes U V
        & forall j k i, of_sign (nth (0%N, Free) tensor_modes k).2 (vector (col j U) k i)],
      [/\ ~~ columns q -> of_columns o = 0, ~~ rows q -> of_rows o = 0
        & forall k l, of_designs o k l = 0 \/ fitted_x q k l],
      own_size q -> (r <= r0 q)%N
    & forall i j, 0 < C q i j -> finite (loss q) (fitted U V o i j) (Y q i j)].

(* with which offsets the candidate does *)
Definition candidate (o : offsets) : Prop :=
  competes (U0 q) (V0 q) o /\ (~~ found q -> o = Offsets (a0 q) (b0 q) (x0 q)).

(* how far from optimal a candidate may be: the question's own tolerances *)
Definition epsilon (upper : R) : R := Num.max (atol q) (rtol q * `|upper|).

Definition sentence (upper : R) (answer : verdict) : Prop :=
  match answer with
  | Certified => exists o0, candidate o0 /\
      forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o ->
      objective (U0 q) (V0 q) o0 <= objective U V o + epsilon upper
  | Refuted => exists r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o,
      [/\ competes U V o, (r <= r0 q)%N & forall o0, candidate o0 ->
      objective U V o + epsilon upper < objective (U0 q) (V0 q) o0]
  | RankLimited => exists r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o,
      competes U V o /\ forall o0, candidate o0 ->
      objective U V o + epsilon upper < objective (U0 q) (V0 q) o0
  | Undecided => True
  end.

Definition holds (lower upper : R) (answer : verdict) : Prop :=
  [/\ forall r (U : 'M_(inputs q, r)) (V : 'M_(n q, r)) o, competes U V o -> lower <= objective U V o,
      exists o, candidate o /\ objective (U0 q) (V0 q) o <= upper & sentence upper answer].

End Statement.
