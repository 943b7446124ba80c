(* Hidden layers: the doubly nonnegative leaf, and what a bound of it says for several outputs.

   x = (p / tau, u, b, s): p = (F u)_+, b the unpriced bias, s = |u| with "radial"; without them the
   coordinates b and s are 0, and the kernel leaves them out.  tau is a power of two there. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Forms Network.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Leaf.
Variables (R : realFieldType) (I D Q O : finType) (f : I -> D -> R) (h : I -> R) (a tau : R).
Hypothesis tau0 : tau != 0.
Implicit Types (u : D -> R) (b s : R).

Definition place := (I + (D + (unit + unit)))%type.

(* a row over x, or x itself, by its parts *)
Definition parts (p : I -> R) (u : D -> R) (b s : R) (k : place) : R :=
  match k with
  | inl i => p i
  | inr (inl j) => u j
  | inr (inr (inl _)) => b
  | inr (inr (inr _)) => s
  end.

Lemma inner_parts p u b s p' u' b' s' :
  inner (parts p u b s) (parts p' u' b' s') = inner p p' + inner u u' + b * b' + s * s'.
Proof.
rewrite /inner !big_sumType /= !sum_unit.
by rewrite !addrA.
Qed.

Definition point u b s : place -> R := parts (fun i => pos (pre f h u b i) / tau) u b s.

(* `facts`: the rows of p, of q = p - F u, then others: with "radial" those of `radial_facts`, rows
   and cuts of the path, and what `add_fact` adds to it *)
Definition only (i : I) (c : R) (k : I) : R := if k == i then c else 0.
Definition row_p i := parts (only i tau) (fun=> 0) 0 0.
Definition row_q i := parts (only i tau) (fun j => - f i j) (- h i) 0.
Variable row : Q -> place -> R.
Definition fact := (I + (I + Q))%type.
Definition B (k : fact) : place -> R :=
  match k with inl i => row_p i | inr (inl i) => row_q i | inr (inr q) => row q end.

Lemma inner_only i c (x : I -> R) : inner (only i c) x = c * x i.
Proof.
rewrite /inner (bigD1 i) //= /only eqxx big1 ?addr0 // => j /negPf ->; exact: mul0r.
Qed.

Lemma inner_zero (A : finType) (x : A -> R) : inner (fun=> 0) x = 0.
Proof. by apply: big1 => i _; rewrite mul0r. Qed.

Lemma inner_p i u b s : inner (row_p i) (point u b s) = pos (pre f h u b i).
Proof. by rewrite inner_parts inner_only inner_zero; field. Qed.

Lemma inner_q i u b s : inner (row_q i) (point u b s) = pos (pre f h u b i) - pre f h u b i.
Proof.
rewrite inner_parts inner_only /pre.
have -> : inner (fun j => - f i j) u = - \sum_j f i j * u j.
  by rewrite -sumrN; apply: eq_bigr => j _; rewrite mulNr.
by field.
Qed.

(* a row of the path, with its side *)
Lemma inner_row i c u b s :
  inner (parts (fun=> 0) (fun j => c * f i j) (c * h i) 0) (point u b s) = c * pre f h u b i.
Proof.
rewrite inner_parts inner_zero /pre mul0r addr0 add0r mulrDr mulr_sumr mulrA; congr (_ + _).
by apply: eq_bigr => j _; rewrite mulrA.
Qed.

(* a cut e . (p, u) of the path, with its side *)
Lemma inner_cut (e : I -> R) (g : D -> R) (k c : R) u b s :
  inner (parts (fun i => c * tau * e i) (fun j => c * g j) (c * k) 0) (point u b s)
    = c * (\sum_i e i * pos (pre f h u b i) + inner g u + k * b).
Proof.
rewrite inner_parts mul0r addr0 !mulrDr mulrA; congr (_ + _ + _).
  by rewrite mulr_sumr; apply: eq_bigr => i _; field.
by rewrite /inner mulr_sumr; apply: eq_bigr => j _; rewrite mulrA.
Qed.

(* an added fact e . (p, u) + slack s, whose parts are those of `added_fact`, of s = |u| *)
Lemma inner_added (e : I -> R) (g : D -> R) (k slack : R) u b s :
  inner (parts (fun i => tau * e i) g k slack) (point u b s)
    = \sum_i e i * pos (pre f h u b i) + inner g u + k * b + slack * s.
Proof.
rewrite inner_parts; congr (_ + _ + _ + _).
by rewrite /inner; apply: eq_bigr => i _; field.
Qed.

(* "radial": s, r_i s - p_i, r_i s - q_i are nonnegative where r_i s bounds |f_i . u| *)
Lemma radial_facts i (r : R) u b s : 0 <= s -> `|pre f h u b i| <= r * s ->
  [/\ 0 <= inner (parts (fun=> 0) (fun=> 0) 0 1) (point u b s),
      0 <= inner (parts (only i (- tau)) (fun=> 0) 0 r) (point u b s) &
      0 <= inner (parts (only i (- tau)) (f i) (h i) r) (point u b s)].
Proof.
move=> s0; rewrite ler_norml => /andP[lo hi].
have tauE x : - tau * (x / tau) = - x by field.
have le1 : pos (pre f h u b i) <= r * s by rewrite /pos ge_max hi; lra.
have le2 : pos (pre f h u b i) - pre f h u b i <= r * s.
  by rewrite /pos; have [] := leP (pre f h u b i) 0; lra.
rewrite !inner_parts !inner_only !inner_zero tauE; split; [lra|lra|].
by move: le2; rewrite {2}/pre -/(inner (f i) u); lra.
Qed.

(* N >= 0 but where p_i meets q_i (`products_of_facts`) *)
Definition meet (k l : fact) : bool :=
  match k, l with
  | inl i, inr (inl j) | inr (inl j), inl i => i == j
  | _, _ => false
  end.

Definition congruence (N : fact -> fact -> R) (x y : place) : R :=
  \sum_k \sum_l N k l * (B k x * B l y).

Lemma form_congruence N x :
  form (congruence N) x = \sum_k \sum_l N k l * (inner (B k) x * inner (B l) x).
Proof.
rewrite form_sum; apply: eq_bigr => k _; rewrite form_sum; apply: eq_bigr => l _.
rewrite formZ; congr (_ * _); rewrite /form /inner mulr_suml; apply: eq_bigr => i _.
by rewrite mulr_sumr; apply: eq_bigr => j _; ring.
Qed.

Lemma facts_product N u b s :
  (forall k l, ~~ meet k l -> 0 <= N k l) -> (forall q, 0 <= inner (row q) (point u b s)) ->
  0 <= form (congruence N) (point u b s).
Proof.
move=> hN hrow; rewrite form_congruence; apply: sumr_ge0 => k _; apply: sumr_ge0 => l _.
have p0 z : 0 <= pos z by rewrite /pos le_max lexx orbT.
have q0 z : 0 <= pos z - z by rewrite subr_ge0 /pos le_max lexx.
have pq z : pos z * (pos z - z) = 0.
  by rewrite /pos; case: (leP z 0) => _; rewrite ?subrr ?mulr0 ?mul0r.
have nonneg m : 0 <= inner (B m) (point u b s).
  by case: m => [i|[i|q]] /=; rewrite ?inner_p ?inner_q.
have [mt|/hN ok] := boolP (meet k l); last by rewrite !mulr_ge0.
suff -> : inner (B k) (point u b s) * inner (B l) (point u b s) = 0 by rewrite mulr0.
case: k l mt => [i|[i|q]] [j|[j|r]] //= /eqP ij; subst; rewrite inner_p inner_q ?pq //.
by rewrite mulrC pq.
Qed.

(* "Y<t>": a fact times t s - y . u, which is nonnegative where s = |u| and t >= |y|; without it
   y = 0 and t = 0 *)
Variables (cone_y : fact -> D -> R) (cone_t : fact -> R).
Definition in_cone : Prop := forall k, 0 <= cone_t k /\ size2 (cone_y k) <= cone_t k ^+ 2.
Definition cone_row (k : fact) : place -> R := parts (fun=> 0) (fun j => - cone_y k j) 0 (cone_t k).

Lemma cone_rows k u b s : in_cone -> 0 <= s -> (s ^+ 2 = size2 u \/ forall l, cone_t l = 0) ->
  0 <= inner (cone_row k) (point u b s).
Proof.
move=> /(_ k) [t0 ty] s0 hs; rewrite inner_parts inner_zero mul0r addr0 add0r.
have -> : inner (fun j => - cone_y k j) u = - inner (cone_y k) u.
  by rewrite -sumrN; apply: eq_bigr => j _; rewrite mulNr.
rewrite addrC subr_ge0; have := cauchy (cone_y k) u.
have le : size2 (cone_y k) * size2 u <= (cone_t k * s) ^+ 2.
  case: hs => [<-|hs]; first by rewrite exprMn ler_wpM2r ?sqr_ge0.
  have -> : size2 (cone_y k) = 0 by apply/le_anti; rewrite size2_ge0 (le_trans ty) // hs expr0n.
  by rewrite mul0r sqr_ge0.
move=> /le_trans /(_ le) le2; apply: le_trans (ler_norm _) _.
by rewrite -(ler_pXn2r (n := 2)) ?nnegrE ?mulr_ge0 // real_normK ?num_real.
Qed.

Definition cone_products (p q : place) : R :=
  \sum_k (B k p * cone_row k q + cone_row k p * B k q).

Lemma cone_products_ge0 u b s : in_cone -> 0 <= s -> (s ^+ 2 = size2 u \/ forall l, cone_t l = 0) ->
  (forall q, 0 <= inner (row q) (point u b s)) -> 0 <= form cone_products (point u b s).
Proof.
move=> hy s0 hs hrow; set x := point u b s.
have mul (p q : place -> R) : form (fun c d => p c * q d) x = inner p x * inner q x.
  rewrite /form /inner mulr_suml; apply: eq_bigr => c _; rewrite mulr_sumr.
  by apply: eq_bigr => d _; ring.
rewrite form_sum; apply: sumr_ge0 => k _; rewrite formD !mul.
have k0 : 0 <= inner (cone_row k) x by exact: cone_rows.
have B0 : 0 <= inner (B k) x.
  case: k {k0} => [i|[i|q]] /=; rewrite ?inner_p ?inner_q //; first by rewrite /pos le_max lexx orbT.
  by rewrite subr_ge0 /pos le_max lexx.
by rewrite addr_ge0 ?mulr_ge0.
Qed.

(* |x|^2 <= (1 + |F|^2 / tau^2) (1 + reach^2) + 1 *)
Definition frobenius : R := \sum_i (size2 (f i) + h i ^+ 2).

Lemma size2_point reach u b s :
  size2 u <= 1 -> b ^+ 2 <= reach ^+ 2 -> s ^+ 2 <= 1 ->
  size2 (point u b s) <= (1 + frobenius / tau ^+ 2) * (1 + reach ^+ 2) + 1.
Proof.
move=> hu hb hs; rewrite size2E inner_parts -!size2E -!expr2.
have t2 : 0 < tau ^+ 2 by rewrite exprn_even_gt0 //= tau0.
have row_le i : pre f h u b i ^+ 2 <= (size2 (f i) + h i ^+ 2) * (1 + reach ^+ 2).
  pose x (k : D + unit) := match k with inl j => f i j | inr _ => h i end.
  pose y (k : D + unit) := match k with inl j => u j | inr _ => b end.
  have := cauchy x y; rewrite /inner /size2 !big_sumType /= !sum_unit.
  rewrite -/(pre f h u b i) -/(size2 (f i)) -/(size2 u) => c; apply: le_trans c _.
  by apply: ler_wpM2l; [rewrite addr_ge0 ?size2_ge0 ?sqr_ge0|apply: lerD].
have pos_le (z : R) : pos z ^+ 2 <= z ^+ 2.
  by rewrite /pos; case: (leP z 0) => _; rewrite ?expr0n ?sqr_ge0.
have : size2 (fun i => pos (pre f h u b i) / tau) <= frobenius / tau ^+ 2 * (1 + reach ^+ 2).
  rewrite /frobenius !mulr_suml; apply: ler_sum => i _.
  rewrite expr_div_n [leRHS]mulrAC; rewrite ler_pM2r ?invr_gt0 //.
  exact: le_trans (pos_le _) (row_le i).
by move: (frobenius / tau ^+ 2) => F; move: (size2 (fun i => _)) => p; nra.
Qed.

(* Diag(0, level, bias, radial) *)
Definition levels (level bias radial : R) : place -> R :=
  parts (fun=> 0) (fun=> level) bias radial.

Lemma form_levels level bias radial u b s :
  form (diagonal (levels level bias radial)) (point u b s)
    = level * size2 u + bias * b ^+ 2 + radial * s ^+ 2.
Proof.
rewrite form_diagonal.
have -> : \sum_k levels level bias radial k * point u b s k ^+ 2
    = inner (levels level bias radial)
        (parts (fun i => (pos (pre f h u b i) / tau) ^+ 2) (fun j => u j ^+ 2) (b ^+ 2) (s ^+ 2)).
  by apply: eq_bigr => -[i|[j|[[]|[]]]] _.
by rewrite inner_parts inner_zero add0r; congr (_ + _ + _); rewrite mulr_sumr.
Qed.

(* the bound that `network_leaf` returns, before its root *)
Definition leaf_value (level bias radial t reach : R) : R :=
  Num.max (level + radial) 0 + Num.max bias 0 * reach ^+ 2
  + Num.max t 0 * ((1 + frobenius / tau ^+ 2) * (1 + reach ^+ 2) + 1).

Lemma leaf_le (C : place -> place -> R) N level bias radial t reach u b s :
  below (fun x y => C x y + cone_products x y + congruence N x y
                    - diagonal (levels level bias radial) x y) t ->
  (forall k l, ~~ meet k l -> 0 <= N k l) -> (forall q, 0 <= inner (row q) (point u b s)) ->
  in_cone -> 0 <= s -> size2 u <= 1 -> b ^+ 2 <= reach ^+ 2 ->
  (s ^+ 2 = size2 u \/ [/\ s = 0, radial = 0 & forall k, cone_t k = 0]) ->
  form C (point u b s) <= leaf_value level bias radial t reach.
Proof.
move=> hG hN hrow hy s0 hu hb hs.
have s1 : s ^+ 2 <= 1 by case: hs => [->//|[-> _ _]]; rewrite expr0n ler01.
have hs2 : s ^+ 2 = size2 u \/ forall k, cone_t k = 0 by case: hs => [|[]]; [left|right].
have := below_pos hG (size2_point hu hb s1).
rewrite formD formD formD formN form_levels.
have := cone_products_ge0 hy s0 hs2 hrow; have := facts_product hN hrow.
have -> : radial * s ^+ 2 = radial * size2 u by case: hs => [->//|[_ -> _]]; rewrite !mul0r.
have : (level + radial) * size2 u <= Num.max (level + radial) 0.
  have : level + radial <= Num.max (level + radial) 0 by rewrite le_max lexx.
  have : 0 <= Num.max (level + radial) 0 by rewrite le_max lexx orbT.
  by have := size2_ge0 u; move: (Num.max _ _) => m; nra.
have : bias * b ^+ 2 <= Num.max bias 0 * reach ^+ 2.
  have : bias <= Num.max bias 0 by rewrite le_max lexx.
  have : 0 <= Num.max bias 0 by rewrite le_max lexx orbT.
  by have := sqr_ge0 b; move: (Num.max _ _) => m; nra.
by rewrite /leaf_value; move: (Num.max _ _ * (_ + 1)) => m; lra.
Qed.

(* A x = W^T s(F u), s(z) = p - a q by `mixed` *)
Variable W : I -> O -> R.
Definition outputs_of (x : place) (o : O) : R := \sum_i W i o * (B (inl i) x - a * B (inr (inl i)) x).

Lemma outputs_point o u b s :
  \sum_x outputs_of x o * point u b s x = value f h a (fun i => W i o) u b.
Proof.
rewrite (eq_bigr (fun x => \sum_i W i o * (B (inl i) x - a * B (inr (inl i)) x) * point u b s x)).
  rewrite exchange_big; apply: eq_bigr => i _; rewrite act_parts -(inner_q i u b s).
  rewrite -{1}(inner_p i u b s) /inner !mulr_sumr -sumrB mulr_sumr.
  by apply: eq_bigr => x _ /=; ring.
by move=> x _; rewrite mulr_suml.
Qed.

(* `network_leaf`: the square of |W^T s(F u)| *)
Theorem network_leaf N level bias radial t reach u b s :
  below (fun x y => \sum_o outputs_of x o * outputs_of y o + cone_products x y + congruence N x y
                    - diagonal (levels level bias radial) x y) t ->
  (forall k l, ~~ meet k l -> 0 <= N k l) -> (forall q, 0 <= inner (row q) (point u b s)) ->
  in_cone -> 0 <= s -> size2 u <= 1 -> b ^+ 2 <= reach ^+ 2 ->
  (s ^+ 2 = size2 u \/ [/\ s = 0, radial = 0 & forall k, cone_t k = 0]) ->
  \sum_o value f h a (fun i => W i o) u b ^+ 2 <= leaf_value level bias radial t reach.
Proof.
move=> hG hN hrow hy s0 hu hb hs; have := leaf_le hG hN hrow hy s0 hu hb hs.
by rewrite form_gram /size2; under eq_bigr do rewrite outputs_point.
Qed.

(* "linear": one output o and its sign, the value itself, at |u| = 1 *)
Definition half (sign : R) : place -> R := parts (fun=> 0) (fun=> 0) 0 (sign / 2).

Theorem network_leaf_linear N level bias radial t reach sign o u b :
  below (fun x y => outputs_of x o * half sign y + half sign x * outputs_of y o + cone_products x y
                    + congruence N x y - diagonal (levels level bias radial) x y) t ->
  (forall k l, ~~ meet k l -> 0 <= N k l) -> (forall q, 0 <= inner (row q) (point u b 1)) ->
  in_cone -> size2 u = 1 -> b ^+ 2 <= reach ^+ 2 ->
  sign * value f h a (fun i => W i o) u b <= leaf_value level bias radial t reach.
Proof.
move=> hG hN hrow hy u1 hb.
have le1 : size2 u <= 1 by rewrite u1.
have hs : 1 ^+ 2 = size2 u \/ [/\ 1 = 0 :> R, radial = 0 & forall k, cone_t k = 0].
  by left; rewrite u1 expr1n.
have := leaf_le hG hN hrow hy ler01 le1 hb hs.
set x := point u b 1.
have mul (p q : place -> R) : form (fun y z => p y * q z) x = (\sum_y p y * x y) * (\sum_y q y * x y).
  rewrite /form mulr_suml; apply: eq_bigr => y _; rewrite mulr_sumr.
  by apply: eq_bigr => z _; ring.
have hx : \sum_y half sign y * x y = sign / 2.
  by rewrite -/(inner (half sign) x) inner_parts !inner_zero; ring.
rewrite formD !mul hx outputs_point => le; apply: le_trans le; rewrite le_eqVlt.
by apply/orP; left; apply/eqP; field.
Qed.

End Leaf.
