(* `Graph.gap`: the least positive eigenvalue of a graph's Laplacian is at least 2 w / (c - 1)^2,
   w the least weight, c the size of the largest component; and what it gives for a smooth offset
   without a ridge (`smooth_cost`, `component_sums`). *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix.
From mathcomp Require Import lra ring.
From Formal Require Import Base Norms Offsets.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Gap.
Variables (R : rcfType) (m e k : nat) (E : 'I_e -> 'I_m * 'I_m) (wt : 'I_e -> R) (w : R).
Variable lab : 'I_m -> 'I_k.

Definition adjacent : rel 'I_m :=
  fun i j => [exists a, (E a == (i, j)) || (E a == (j, i))].

Hypotheses (w0 : 0 < w) (hw : forall a, w <= wt a).
Hypothesis inside : forall a, lab (E a).1 = lab (E a).2.
Hypothesis linked : forall i j, lab i = lab j -> connect adjacent i j.

Definition component l := [pred i | lab i == l].

Variable c : nat.
Hypothesis largest : forall l, (#|component l| <= c)%N.

Section Column.
Variable x : 'I_m -> R.

Definition jump a : R := (x (E a).1 - x (E a).2) ^+ 2.

Lemma jump_ge0 a : 0 <= jump a.
Proof. exact: sqr_ge0. Qed.

Fixpoint climb i p : R := if p is j :: p' then (x j - x i) ^+ 2 + climb j p' else 0.

Lemma climb_ge0 i p : 0 <= climb i p.
Proof. by elim: p i => //= j p IH i; rewrite addr_ge0 ?sqr_ge0. Qed.

(* Cauchy-Schwarz along a path *)
Lemma climb_total i p : (x (last i p) - x i) ^+ 2 <= (size p)%:R * climb i p.
Proof.
elim: p i => /= [|j p IH] i; first by rewrite subrr expr0n mul0r.
have := IH j; have := climb_ge0 j p; rewrite -natr1.
have -> : x (last j p) - x i = (x (last j p) - x j) + (x j - x i) by ring.
move: (x (last j p) - x j) (x j - x i) (climb j p) => A B a a0.
have : 0 <= (size p)%:R :> R by exact: ler0n.
move: ((size p)%:R : R) => N; rewrite le_eqVlt => /orP[/eqP <-|N0] h.
  have A2 : A ^+ 2 = 0 by apply/eqP; rewrite eq_le sqr_ge0 andbT; lra.
  have -> : A = 0 by apply/eqP; rewrite -sqrf_eq0 A2.
  by rewrite !add0r mul1r; lra.
have low : 2 * (A * B) <= a + N * B ^+ 2.
  have s : 0 <= (A - N * B) ^+ 2 by exact: sqr_ge0.
  rewrite -(ler_pM2l N0); lra.
lra.
Qed.

(* edges with both ends on a path without repetition carry its climb *)
Lemma climb_edges i p : path adjacent i p -> uniq (i :: p) ->
  climb i p <= \sum_(a | ((E a).1 \in i :: p) && ((E a).2 \in i :: p)) jump a.
Proof.
elim: p i => [|j p IH] i; first by move=> _ _; rewrite sumr_ge0 // => a _; apply: jump_ge0.
move=> /= /andP[/existsP[a ha] pth] /andP[ni un].
apply: le_trans (lerD (lexx _) (IH j pth un)) _.
have ja : jump a = (x j - x i) ^+ 2.
  by rewrite /jump; case/orP: ha => /eqP -> /=; rewrite // -sqrrN opprB.
have ina : ((E a).1 \in [:: i, j & p]) && ((E a).2 \in [:: i, j & p]).
  by case/orP: ha => /eqP -> /=; rewrite !inE !eqxx ?orbT.
rewrite [X in _ <= X](bigD1 a) //= ja lerD2l.
have outa b : ((E b).1 \in j :: p) && ((E b).2 \in j :: p) -> b != a.
  move=> /andP[b1 b2]; apply: contra ni => /eqP ba; move: b1 b2; rewrite ba.
  by case/orP: ha => /eqP -> /=.
rewrite [X in _ <= X](bigID (fun b => ((E b).1 \in j :: p) && ((E b).2 \in j :: p))) /=.
apply: le_trans (_ : _ <= \sum_(b | ((E b).1 \in j :: p) && ((E b).2 \in j :: p)) jump b) _ => //.
rewrite [X in X + _](eq_bigl (fun b => ((E b).1 \in j :: p) && ((E b).2 \in j :: p))).
  by rewrite lerDl sumr_ge0 // => b _; apply: jump_ge0.
move=> b /=; apply/andP/idP => [[_ h]//|h]; split=> //.
rewrite (outa b h) andbT; case/andP: h => h1 h2.
by rewrite !(in_cons i) h1 h2 !orbT.
Qed.

Lemma path_label i p : path adjacent i p -> all (fun j => lab j == lab i) p.
Proof.
elim: p i => //= j p IH i /andP[/existsP[a ha] pth].
have ij : lab j = lab i by have := inside a; case/orP: ha => /eqP -> /=.
by rewrite ij eqxx /= -ij IH.
Qed.

Definition energy_of l := \sum_(a | lab (E a).1 == l) wt a * jump a.

(* (x_i - x_j)^2 <= (c - 1) energy / w on a component *)
Lemma jump_le i j l : lab i = l -> lab j = l ->
  w * (x j - x i) ^+ 2 <= (#|component l|%:R - 1) * energy_of l.
Proof.
move=> li lj; have /connectP[p0 pth0 ->] := linked (etrans li (esym lj)).
have /shortenP[p pth un _] := pth0.
have inl : all (fun v => lab v == l) (i :: p) by rewrite /= li eqxx /= -{1}li path_label.
have size_p : (size p).+1%:R <= #|component l|%:R :> R.
  rewrite ler_nat -[(size p).+1]/(size (i :: p)) -(card_uniqP un).
  by apply: subset_leq_card; apply/subsetP => v /(allP inl).
have E0 : w * climb i p <= energy_of l.
  apply: le_trans (ler_wpM2l (ltW w0) (climb_edges pth un)) _.
  rewrite mulr_sumr /energy_of.
  rewrite [X in _ <= X](bigID (fun a => ((E a).1 \in i :: p) && ((E a).2 \in i :: p))) /=.
  rewrite -[X in X <= _]addr0; apply: lerD; last first.
    by apply: sumr_ge0 => a _; rewrite mulr_ge0 ?jump_ge0 // (le_trans (ltW w0)).
  rewrite [X in _ <= X](eq_bigl (fun a => ((E a).1 \in i :: p) && ((E a).2 \in i :: p))).
    by apply: ler_sum => a _; rewrite ler_wpM2r ?jump_ge0.
  move=> a /=; apply: andb_idl => /andP[h _].
  by have /(_ _ h) := allP inl.
have := ler_wpM2l (ltW w0) (climb_total i p).
have : 0 <= (size p)%:R :> R by exact: ler0n.
have := ler_wpM2l (ler0n R (size p)) E0; rewrite -natr1 in size_p.
have en0 : 0 <= energy_of l.
  by apply: le_trans E0; rewrite mulr_ge0 ?climb_ge0 // ltW.
have := ler_wpM2r en0 size_p; lra.
Qed.

Definition mean l := (\sum_(i | lab i == l) x i) / #|component l|%:R.

Lemma variance (l : 'I_k) :
  (2 * #|component l|%:R * (\sum_(i | lab i == l) (x i - mean l) ^+ 2) : R)
  = \sum_(i | lab i == l) \sum_(j | lab j == l) (x j - x i) ^+ 2.
Proof.
set N : R := #|component l|%:R; set S := \sum_(i | lab i == l) x i.
set S2 := \sum_(i | lab i == l) x i ^+ 2.
have const (a : R) : \sum_(i | lab i == l) a = N * a.
  by rewrite sumr_const mulr_natl.
have right_ : \sum_(i | lab i == l) \sum_(j | lab j == l) (x j - x i) ^+ 2
            = 2 * (N * S2 - S ^+ 2).
  have inner i : \sum_(j | lab j == l) (x j - x i) ^+ 2 = S2 - 2 * x i * S + N * x i ^+ 2.
    rewrite -const mulr_sumr -sumrB -big_split; apply: eq_bigr => j _ /=; ring.
  under eq_bigr do rewrite inner.
  rewrite big_split sumrB /= const -mulr_suml -!mulr_sumr -/S -/S2; ring.
have left_ : \sum_(i | lab i == l) (x i - mean l) ^+ 2
           = S2 - 2 * mean l * S + N * mean l ^+ 2.
  rewrite -const mulr_sumr -sumrB -big_split; apply: eq_bigr => j _ /=; ring.
rewrite right_ left_; have [N0|N0] := eqVneq N 0.
  have none : component l =i pred0.
    by apply/card0_eq/eqP; rewrite -(eqr_nat R) -/N N0.
  have S0 : S = 0 by rewrite /S big_pred0.
  by rewrite S0 N0; ring.
have -> : mean l = S / N by [].
by field.
Qed.

Lemma component_gap (l : 'I_k) :
  (2 * w * (\sum_(i | lab i == l) (x i - mean l) ^+ 2) : R) <= (c%:R - 1) ^+ 2 * energy_of l.
Proof.
have en0 : 0 <= energy_of l.
  by apply: sumr_ge0 => a _; rewrite mulr_ge0 ?jump_ge0 // (le_trans (ltW w0)).
set N : R := #|component l|%:R; have Nc : N <= c%:R by rewrite ler_nat.
have [N0|Npos] := posnP #|component l|.
  have none : component l =i pred0 by apply/card0_eq.
  by rewrite big_pred0 // mulr0 mulr_ge0 ?sqr_ge0.
have N1 : 1 <= N by rewrite ler1n.
have const (a : R) : \sum_(i | lab i == l) a = N * a by rewrite sumr_const mulr_natl.
have : w * (2 * N * \sum_(i | lab i == l) (x i - mean l) ^+ 2)
       <= N * (N * ((N - 1) * energy_of l) - (N - 1) * energy_of l).
  rewrite variance mulr_sumr -const; apply: ler_sum => i /eqP li.
  rewrite mulr_sumr (bigD1 i) /=; last by rewrite li.
  rewrite subrr expr0n mulr0 add0r -const [X in _ <= X - _](bigD1 i) /=; last by rewrite li.
  rewrite addrAC subrr add0r; apply: ler_sum => j /andP[/eqP lj _].
  exact: jump_le.
have -> : N * (N * ((N - 1) * energy_of l) - (N - 1) * energy_of l)
        = N * ((N - 1) ^+ 2 * energy_of l) by ring.
have -> : w * (2 * N * \sum_(i | lab i == l) (x i - mean l) ^+ 2)
        = N * (2 * w * \sum_(i | lab i == l) (x i - mean l) ^+ 2) by ring.
rewrite ler_pM2l; last by lra.
move=> h; apply: le_trans h _; rewrite ler_wpM2r //.
by rewrite ler_sqr ?nnegrE ?subr_ge0 //; [lra | apply: le_trans Nc].
Qed.

End Column.

(* the Laplacian, and the projector on its kernel: the means of the components *)
Definition laplacian : 'M[R]_m :=
  (differences R E)^T *m diag_mx (\row_a wt a) *m differences R E.

Definition means : 'M[R]_m :=
  \matrix_(i, j) if lab j == lab i then #|component (lab i)|%:R^-1 else 0.

Lemma qf_laplacian (x : 'cV[R]_m) : qf laplacian x = \sum_l energy_of (fun i => x i 0) l.
Proof.
rewrite qf_congr qf_diag /energy_of (partition_big (fun a => lab (E a).1) predT) //=.
by apply: eq_bigr => l _; apply: eq_bigr => a _; rewrite mxE differencesE.
Qed.

Lemma meansE (x : 'cV[R]_m) i : (means *m x) i 0 = mean (fun i => x i 0) (lab i).
Proof.
rewrite mxE /mean mulr_suml [RHS]big_mkcond /=; apply: eq_bigr => j _; rewrite mxE.
by case: ifP; rewrite ?mul0r // mulrC.
Qed.

Lemma means_sym : means^T = means.
Proof.
by apply/matrixP => i j; rewrite !mxE eq_sym; case: eqP => // ->.
Qed.

(* `Graph.gap`, cleared of the division *)
Theorem laplacian_gap (x : 'cV[R]_m) :
  2 * w * sq (x - means *m x) <= (c%:R - 1) ^+ 2 * qf laplacian x.
Proof.
rewrite qf_laplacian sq_col (partition_big lab predT) //= !mulr_sumr; apply: ler_sum => l _.
apply: le_trans (component_gap (fun i => x i 0) l); rewrite le_eqVlt; apply/orP; left; apply/eqP.
congr (_ * _); apply: eq_bigr => i /eqP li; rewrite -li -meansE mxE.
by rewrite [X in (_ + X) ^+ 2]mxE.
Qed.

Lemma means_laplacian : means *m laplacian = 0.
Proof.
rewrite /laplacian !mulmxA (_ : means *m _ = 0) ?mul0mx //.
apply/matrixP => i a; rewrite !mxE.
under eq_bigr do rewrite !mxE mulrBr.
rewrite sumrB (bigD1 (E a).1) //= [X in _ - X](bigD1 (E a).2) //= !eqxx !mulr1.
rewrite !big1 ?addr0 => [|j /negPf ->|j /negPf ->]; rewrite ?mulr0 //.
by rewrite inside subrr.
Qed.

Lemma laplacian_sym : laplacian^T = laplacian.
Proof. by rewrite /laplacian !trmx_mul trmxK tr_diag_mx mulmxA. Qed.

(* a smooth offset with ridge 0: kappa = rho 2 w / (c - 1)^2, the sums of W over components 0 *)
Theorem smooth_free n (W Q Q0 : 'M[R]_(m, n)) rho
  (kappa := rho * (2 * w / (c%:R - 1) ^+ 2)) (K := rho *: laplacian) :
  0 < rho -> (1 < c)%N -> (forall l j, \sum_(i | lab i == l) W i j = 0) ->
  dot W Q0 + dot Q0 (K *m Q0) / 2 - sq (W + K *m Q0) / (2 * kappa)
  <= dot W Q + dot Q (K *m Q) / 2.
Proof.
move=> r0 c1 hW.
have cc : 0 < (c%:R - 1) ^+ 2 :> R by rewrite exprn_gt0 // subr_gt0 ltr1n.
have k0 : 0 < kappa by rewrite mulr_gt0 // divr_gt0 // mulr_gt0.
have MK : means *m K = 0 by rewrite /K -scalemxAr means_laplacian scaler0.
have MW : means *m W = 0.
  apply/matrixP => i j; rewrite !mxE; under eq_bigr do rewrite mxE.
  rewrite (eq_bigr (fun a => if lab a == lab i then #|component (lab i)|%:R^-1 * W a j else 0)).
    by rewrite -big_mkcond -mulr_sumr hW mulr0.
  by move=> a _; case: ifP; rewrite ?mul0r.
apply: (@smooth_offset _ m n K means kappa W Q Q0) => //.
- by rewrite /K linearZ /= laplacian_sym.
- exact: means_sym.
- by rewrite mulmxDr MW mulmxA MK mul0mx addr0.
move=> D; have cols (A : 'M[R]_(m, n)) : sq A = \sum_j sq (col j A).
  rewrite /sq /dot exchange_big /=; apply: eq_bigr => j _; apply: eq_bigr => i _.
  by rewrite big_ord1 !mxE.
have colsK : dot D (K *m D) = rho * \sum_j qf laplacian (col j D).
  rewrite /K -scalemxAl dotZr; congr (_ * _); rewrite /dot exchange_big /=.
  apply: eq_bigr => j _; rewrite /qf dot_col; apply: eq_bigr => i _.
  have mulE (A : 'M[R]_m) : (A *m D) i j = (A *m col j D) i 0.
    by rewrite !mxE; apply: eq_bigr => a _; rewrite !mxE.
  by rewrite mulE [in RHS]mxE.
have key : 2 * w * (\sum_j sq (col j (D - means *m D)))
    <= (c%:R - 1) ^+ 2 * \sum_j qf laplacian (col j D).
  rewrite !mulr_sumr; apply: ler_sum => j _; have := laplacian_gap (col j D).
  suff -> : col j D - means *m col j D = col j (D - means *m D) by [].
  by apply/colP => i; rewrite !mxE; congr (_ - _); apply: eq_bigr => a _; rewrite !mxE.
rewrite colsK cols -(ler_pM2l cc) /kappa.
move: (\sum_j sq _) (\sum_j qf _ _) ((c%:R - 1) ^+ 2) cc key => S Q' N N0 key.
have -> : N * (rho * (2 * w / N) * S) = rho * (2 * w * S) by field; rewrite gt_eqF.
by rewrite [X in _ <= X]mulrCA ler_pM2l.
Qed.

End Gap.
