(* lam = 0: `tail`, `centred`, `ky_fan`, `blocks`.

   No singular values: a matrix of rank <= r is U V^T with r columns, and the projector on the
   span of U does what Eckart-Young and Ky Fan do in the docstrings.  The kernel's rounded tier
   adds `spread`, the error of forming C C^T, which only lowers the bound. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From mathcomp Require Import lra ring.
From Formal Require Import Base.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Projectors.
Variable R : realFieldType.

Definition projector n (P : 'M[R]_n) := P^T = P /\ P *m P = P.

Lemma projector_sq n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P ->
  sq (P *m A) = dot A (P *m A).
Proof. by move=> [sym idem]; rewrite /sq dot_mull sym mulmxA idem. Qed.

(* |A|^2 = |P A|^2 + |(1 - P) A|^2 *)
Lemma projector_split n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P ->
  sq A = sq (P *m A) + sq (A - P *m A).
Proof. by move=> hP; rewrite sqB (projector_sq _ hP); ring. Qed.

Lemma projector_le n p (P : 'M[R]_n) (A : 'M[R]_(n, p)) : projector P -> sq (P *m A) <= sq A.
Proof. by move=> hP; rewrite (projector_split A hP) lerDl sq_ge0. Qed.

Lemma projector_le_right n p (P : 'M[R]_n) (A : 'M[R]_(p, n)) : projector P ->
  sq (A *m P) <= sq A.
Proof.
by move=> hP; rewrite -sq_tr trmx_mul (proj1 hP) -[sq A]sq_tr projector_le.
Qed.

Lemma projector_trace n (P : 'M[R]_n) : projector P -> sq P = \tr P.
Proof. by move=> [sym idem]; rewrite /sq dotE sym idem. Qed.

Lemma projector1 n : projector (1%:M : 'M[R]_n).
Proof. by split; rewrite ?trmx1 ?mulmx1. Qed.

(* the projector on the span of r columns: its trace is at most r *)
Lemma span_projector m r (U : 'M[R]_(m, r)) :
  exists P, [/\ projector P, P *m U = U & \tr P <= r%:R].
Proof.
elim: r U => [|r IH] U.
  exists 0; split; last by rewrite mxtrace0.
    by split; rewrite ?trmx0 ?mul0mx.
  by rewrite [U]thinmx0 mulmx0.
have split_U : U = row_mx (lsubmx (U : 'M_(m, 1 + r))) (rsubmx (U : 'M_(m, 1 + r))).
  by rewrite hsubmxK.
set u := lsubmx _ in split_U; set V := rsubmx _ in split_U.
have [P [[sym idem] PV trP]] := IH V.
pose w := u - P *m u.
have Pw : P *m w = 0 by rewrite mulmxBr mulmxA idem subrr.
have wP : w^T *m P = 0 by rewrite -[P]sym -trmx_mul Pw trmx0.
have [/eqP w0|nz] := boolP (sq w == 0).
  exists P; split=> //; last by rewrite (le_trans trP) // ler_nat.
  rewrite split_U mul_mx_row PV; congr row_mx.
  by apply/eqP; rewrite eq_sym -subr_eq0; apply/eqP; apply: sq_eq0.
have ww : w^T *m w = (sq w)%:M by rewrite [LHS]mx11_scalar dot_mx11.
pose Q := P + (sq w)^-1 *: (w *m w^T).
have Qw : Q *m w = w.
  by rewrite mulmxDl Pw add0r -scalemxAl -mulmxA ww mul_mx_scalar scalerA mulVf // scale1r.
have QP : Q *m P = P by rewrite mulmxDl idem -scalemxAl -mulmxA wP mulmx0 scaler0 addr0.
exists Q; split.
- split; first by rewrite linearD linearZ /= trmx_mul trmxK sym.
  by rewrite {2}/Q mulmxDr QP -scalemxAr mulmxA Qw.
- rewrite split_U mul_mx_row; congr row_mx.
    have -> : u = w + P *m u by rewrite subrK.
    by rewrite mulmxDr Qw mulmxA QP.
  by rewrite -{1}PV mulmxA QP PV.
- rewrite mxtraceD mxtraceZ -dotE_tr.
Abort.

End Projectors.
