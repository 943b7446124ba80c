(* Prices: the product and the sum of powers have one Omega; a price of a lower or higher degree
   than phi's proves nothing. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum archimedean matrix.
From mathcomp Require Import boolp classical_sets reals constructive_ereal ereal.
From mathcomp Require Import lra ring.
From Formal Require Import Base Frame Duality Omega Power.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section SumProduct.
Variables (R : realType) (V : lmodType R) (S : Type) (phi : S -> V) (k : nat).
Variable size_of : 'I_k.+1 -> S -> R.  (* |x^1|, ..., |x^K|, K = k + 1 *)
Hypothesis size_ge0 : forall i x, 0 <= size_of i x.
(* phi is multilinear: factors scaled by numbers of product 1 leave it *)
Hypothesis rescale : forall x (c : 'I_k.+1 -> R), (forall i, 0 < c i) -> \prod_i c i = 1 ->
  exists2 y, phi y = phi x & forall i, size_of i y = c i * size_of i x.
(* a zero factor makes phi zero *)
Hypothesis degenerate : forall x i, size_of i x = 0 ->
  exists2 y, phi y = phi x & forall j, size_of j y = 0.

Definition product_price x := \prod_i size_of i x.

Definition sum_price x := (\sum_i size_of i x ^+ k.+1) / k.+1%:R.

(* AM-GM *)
Theorem product_le_sum x : product_price x <= sum_price x.
Proof.
have sum0 : 0 <= sum_price x.
  by rewrite divr_ge0 // sumr_ge0 // => i _; rewrite exprn_ge0.
have prod0 : 0 <= product_price x by apply: prodr_ge0.
rewrite -(@ler_pXn2r _ k.+1) ?nnegrE // /product_price -prodrXl.
have := leif_AGM (A := [pred _ : 'I_k.+1 | true]) (E := fun i => size_of i x ^+ k.+1).
move=> /(_ (fun i _ => exprn_ge0 _ (size_ge0 i x))) [].
rewrite card_ord => h _; apply: le_trans h _.
by rewrite /sum_price mulr_suml.
Qed.

(* ... with equality at the balanced rescaling *)
Theorem sum_eq_product x : exists2 y, phi y = phi x & sum_price y = product_price x.
Proof.
have [/existsP [i /eqP zero_i]|/existsPn nz] := boolP [exists i, size_of i x == 0].
  have [y ephi all0] := degenerate zero_i; exists y => //.
  rewrite /sum_price big1 ?mul0r => [|j _]; last by rewrite all0 expr0n.
  by rewrite /product_price (bigD1 i) //= zero_i mul0r.
have pos i : 0 < size_of i x by rewrite lt_def nz size_ge0.
have prod0 : 0 < product_price x by apply: prodr_gt0.
have [g g0 eg] := pw_onto (natural_degree R (ltn0Sn k)) (ltW prod0).
have gpos : 0 < g.
  rewrite lt_def g0 andbT; apply/eqP => e; move: prod0.
  by rewrite -eg e expr0n ltxx.
have cpos i : 0 < g / size_of i x by rewrite divr_gt0.
have c1 : \prod_i (g / size_of i x) = 1.
  rewrite big_split /= prodr_const card_ord prodfV eg divff // gt_eqF //.
have [y ephi sizes] := rescale x cpos c1; exists y => //.
rewrite /sum_price (eq_bigr (fun=> product_price x)).
  by rewrite sumr_const card_ord -mulr_natr mulfK // pnatr_eq0.
by move=> i _; rewrite sizes divfK ?gt_eqF.
Qed.

Theorem sum_and_product Z : Omega phi sum_price Z = Omega phi product_price Z.
Proof.
apply/eqP; rewrite eq_le; apply/andP; split; apply: Omega_lower => xs <-; last first.
  apply: le_trans (Omega_le _ _ xs) _; rewrite lee_fin.
  by apply: ler_sum => x _; apply: product_le_sum.
suff [ys <- <-] : exists2 ys, fit phi ys = fit phi xs & price sum_price ys = price product_price xs.
  exact: Omega_le.
elim: xs => [|x xs [ys eys pys]]; first by exists [::]; rewrite /fit /price ?big_nil.
have [y ephi ep] := sum_eq_product x; exists (y :: ys).
  by rewrite /fit !big_cons ephi -/(fit phi ys) eys.
by rewrite /price !big_cons ep -/(price _ ys) pys.
Qed.

End SumProduct.

Section Low.
Variables (R : realFieldType) (V : lmodType R) (S : Type) (phi : S -> V) (theta : S -> R).
Variables (l : V -> R) (lam : R) (norm : V -> R) (size_of : S -> R) (p q : nat) (c C L : R).
Hypothesis size_ge0 : forall x, 0 <= size_of x.
Hypothesis norm0 : norm 0 = 0.
Hypothesis normD : forall Y Z, norm (Y + Z) <= norm Y + norm Z.
Hypothesis phi_le : forall x, norm (phi x) <= C * size_of x ^+ p.
Hypothesis theta_ge : forall x, c * size_of x ^+ q <= theta x.
(* a convex l has this with the dual norm of its (sub)gradient at 0 *)
Hypothesis slope : forall Z, l 0 - L * norm Z <= l Z.

(* theta of a lower degree than phi, q < p: the origin is a local minimum, of every size r, for
   every l: slices of length at most delta cost more than they gain. *)
Theorem low_degree : 0 < lam -> 0 < c -> 0 <= C -> 0 <= L -> (q < p)%N ->
  exists2 delta, 0 < delta & forall xs, (forall x, List.In x xs -> size_of x <= delta) ->
    l 0 <= l (fit phi xs) + lam * price theta xs.
Proof.
move=> lam0 c0 C0 L0 qp; pose b := lam * c / (1 + L * C).
have one : 0 < 1 + L * C by rewrite ltr_wpDr ?mulr_ge0.
have b0 : 0 < b by rewrite divr_gt0 ?mulr_gt0.
exists (Num.min 1 b) => [|xs]; first by rewrite lt_min ltr01.
move=> small; apply: le_trans (_ : l 0 <= l 0 - L * norm (fit phi xs) + lam * price theta xs) _;
  last by rewrite lerD2r.
suff : L * norm (fit phi xs) <= lam * price theta xs by lra.
elim: xs small => [|x xs ih] small; rewrite /fit /price ?big_nil ?big_cons.
  by rewrite norm0 !mulr0.
have {}ih := ih (fun y hy => small y (or_intror hy)).
have := small x (or_introl erefl); rewrite le_min => /andP[x1 xb].
rewrite -/(fit phi xs) -/(price theta xs).
have head : L * norm (phi x) <= lam * theta x.
  have s0 := size_ge0 x.
  have power : size_of x ^+ p <= size_of x ^+ q * b.
    have -> : p = (q + (p - q).-1.+1)%N by rewrite prednK ?subn_gt0 // subnKC // ltnW.
    rewrite exprD exprS; apply: ler_wpM2l; first exact: exprn_ge0.
    apply: le_trans (_ : size_of x * 1 <= _); last by rewrite mulr1.
    by apply: ler_wpM2l => //; apply: exprn_ile1.
  have sq0 : 0 <= size_of x ^+ q by apply: exprn_ge0.
  have e : b * (1 + L * C) = lam * c by rewrite divfK // gt_eqF.
  have h1 : L * norm (phi x) <= L * (C * (size_of x ^+ q * b)).
    apply: ler_wpM2l => //; apply: le_trans (phi_le x) _; exact: ler_wpM2l.
  have h2 : lam * (c * size_of x ^+ q) <= lam * theta x by rewrite ler_pM2l.
  apply: le_trans h1 _; apply: le_trans h2.
  have -> : lam * (c * size_of x ^+ q) = b * (1 + L * C) * size_of x ^+ q by rewrite e; ring.
  have : 0 <= b * size_of x ^+ q by rewrite mulr_ge0 // ltW.
  by move: (size_of x ^+ q) => s; nra.
by have := normD (phi x) (fit phi xs); nra.
Qed.

End Low.

Section High.
Variables (R : realType) (V : lmodType R) (S : Type) (phi : S -> V) (theta : S -> R).
Variables (act : R -> S -> S) (p q : nat).
Hypothesis phi_act : forall a x, 0 <= a -> phi (act a x) = a ^+ p *: phi x.
Hypothesis theta_act : forall a x, 0 <= a -> theta (act a x) = a ^+ q * theta x.
Hypothesis theta_ge0 : forall x, 0 <= theta x.
Hypothesis p_gt0 : (0 < p)%N.

(* one slice split into n equal ones costs a theta(x), a = n^(-1/p), at most *)
Lemma split_slice x e : (p < q)%N -> 0 < e ->
  exists2 ys, fit phi ys = phi x & price theta ys <= e.
Proof.
move=> pq e0; pose d := Num.min 1 (e / (1 + theta x)).
have one : 0 < 1 + theta x by rewrite ltr_wpDr.
have d0 : 0 < d by rewrite lt_min ltr01 divr_gt0.
have dp : 0 < d ^+ p by rewrite exprn_gt0.
pose n := (Num.bound (d ^+ p)^-1).+1; have n0 : (0 : R) < n%:R by rewrite ltr0n.
have big : (d ^+ p)^-1 < n%:R.
  apply: lt_le_trans (archi_boundP _) _; first by rewrite invr_ge0 ltW.
  by rewrite ler_nat.
have inv0 : (0 : R) < n%:R^-1 by rewrite invr_gt0.
have [a a0 ea] := pw_onto (natural_degree R p_gt0) (ltW inv0).
have ad : a <= d.
  rewrite -(@ler_pXn2r _ p) ?nnegrE ?(ltW d0) // ea -[X in _ <= X]invrK.
  by rewrite lef_pV2 ?posrE ?invr_gt0 // ltW.
have [a1 ae] : a <= 1 /\ a * (1 + theta x) <= e.
  move: ad; rewrite le_min => /andP[-> h]; split=> //.
  by rewrite -ler_pdivlMr.
exists (nseq n (act a x)).
  rewrite /fit big_nseq iter_addr_0 phi_act // ea -scaler_nat scalerA divff ?scale1r //.
  by rewrite gt_eqF.
rewrite /price big_nseq iter_addr_0 theta_act // -mulr_natl mulrA.
have power : n%:R * a ^+ q <= a.
  have -> : q = (p + (q - p).-1.+1)%N by rewrite prednK ?subn_gt0 // subnKC // ltnW.
  rewrite exprD mulrA ea divff ?gt_eqF // mul1r exprS.
  by rewrite -[X in _ <= X]mulr1; apply: ler_wpM2l => //; apply: exprn_ile1.
have := ler_wpM2r (theta_ge0 x) power; have := theta_ge0 x; nra.
Qed.

(* theta of a higher degree than phi, p < q: splitting drives the price to 0, Omega is 0
   wherever it is finite *)
Theorem high_degree xs : (p < q)%N -> Omega phi theta (fit phi xs) = 0%E.
Proof.
move=> pq; have split_all e : 0 < e ->
    exists2 ys, fit phi ys = fit phi xs & price theta ys <= e.
  elim: xs e => [|x xs ih] e e0.
    by exists [::] => //; rewrite /price big_nil ltW.
  have e2 : 0 < e / 2 by rewrite divr_gt0.
  have [ys eys pys] := ih _ e2; have [zs ezs pzs] := split_slice x pq e2.
  exists (zs ++ ys); first by rewrite fit_cat ezs eys /fit big_cons.
  by rewrite price_cat; lra.
apply/eqP; rewrite eq_le; apply/andP; split; last first.
  by apply: Omega_lower => ys _; rewrite lee_fin sumr_ge0.
apply/lee_addgt0Pr => e e0; rewrite add0e; have [ys <- pys] := split_all e e0.
by apply: le_trans (Omega_le _ _ ys) _; rewrite lee_fin.
Qed.

End High.
