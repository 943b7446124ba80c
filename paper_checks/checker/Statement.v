(* What a verified answer says, without a word about how it was found.

   A problem is an m x n matrix Y with weights C >= 0 (1 where none are given, 0 where nothing is
   observed), a penalty lam, and a candidate: factors U0, V0 of rank r0. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From Checker Require Export Words.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Statement.
Variable R : rcfType.  (* the real numbers *)

Record question := Question {
  m : nat; n : nat; r0 : nat;
  Y : 'M[R]_(m, n); C : 'M[R]_(m, n);
  lam : R; form : theta_form;
  U0 : 'M[R]_(m, r0); V0 : 'M[R]_(n, r0);
  rtol : R; atol : R }.

(* |u| *)
Definition norm k (u : 'cV[R]_k) : R := Num.sqrt (\sum_i u i 0 ^+ 2).

(* |u| |v|, or half the sum of the squares *)
Definition theta f k l (u : 'cV[R]_k) (v : 'cV[R]_l) : R :=
  match f with Product => norm u * norm v | Sum => (norm u ^+ 2 + norm v ^+ 2) / 2 end.

Variable q : question.

(* f(U, V) = sum C_ij / 2 ((U V^T)_ij - Y_ij)^2 + lam sum_k theta(u_k, v_k) *)
Definition objective r (U : 'M[R]_(m q, r)) (V : 'M[R]_(n q, r)) : R :=
  \sum_i \sum_j C q i j / 2 * ((U *m V^T) i j - Y q i j) ^+ 2
  + lam q * \sum_k theta (form q) (col k U) (col k V).

(* how far from optimal a candidate may be: the question's own tolerances *)
Definition epsilon (upper : R) : R := Num.max (atol q) (rtol q * `|upper|).

Definition sentence (upper : R) (answer : verdict) : Prop :=
  let candidate := objective (U0 q) (V0 q) in
  match answer with
  | Certified => forall r (U : 'M_(m q, r)) (V : 'M_(n q, r)),
      candidate <= objective U V + epsilon upper
  | Refuted => exists r (U : 'M_(m q, r)) (V : 'M_(n q, r)),
      (r <= r0 q)%N /\ objective U V + epsilon upper < candidate
  | RankLimited => exists r (U : 'M_(m q, r)) (V : 'M_(n q, r)),
      objective U V + epsilon upper < candidate
  | Undecided => True
  end.

Definition holds (lower upper : R) (answer : verdict) : Prop :=
  [/\ forall r (U : 'M_(m q, r)) (V : 'M_(n q, r)), lower <= objective U V,
      objective (U0 q) (V0 q) <= upper & sentence upper answer].

End Statement.
