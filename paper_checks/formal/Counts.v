(* Counts at a fixed number of components: `squares_below`, `reaches`.

   The Kullback-Leibler divergence is at least least squares, with weights that the sums of the rows
   and columns of Y give.  ln 0 = 0, so the divergence of z from y = 0 is z. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import boolp classical_sets functions reals topology normedtype derive.
From mathcomp Require Import realfun exp.
From mathcomp Require Import ring lra.
From Formal Require Import Losses.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Import numFieldNormedType.Exports.
Local Open Scope ring_scope.

Section Entry.
Variable R : realType.
Implicit Types y z b c e t : R.

(* ln t is at most (t - 1) (t + 5) / (4 t + 2), its first approximant *)
Definition gap t : R := t / 4 + 7 / 8 - 27 / 8 * (2 * t + 1)^-1 - ln t.

Lemma gap_derive t : 0 < t ->
  is_derive t (1 : R) gap ((t - 1) ^+ 3 / (t * (2 * t + 1) ^+ 2)).
Proof.
move=> t0; have q0 : 2 * t + 1 != 0 by rewrite gt_eqF //; lra.
have Dl := is_derive1_ln t0.
have D1 : is_derive t (1 : R) (fun x : R => 2 * x + 1) 2.
  have -> : (fun x : R => 2 * x + 1) = (2 \*: id) + cst 1 by apply/funext.
  by apply: is_derive_eq; rewrite addr0; exact: mulr1.
have D2 := @is_deriveV R (fun x : R => 2 * x + 1) t 2 1 q0 D1.
have -> : gap = (4^-1 \*: id) + cst (7/8) - (27 / 8 \*: (fun x : R => (2 * x + 1)^-1)) - @ln R.
  by apply/funext => x; rewrite /gap (mulrC x).
apply: is_derive_eq.
rewrite addr0 /GRing.scale /=; field; rewrite q0 gt_eqF //.
Qed.

Lemma mean_value (f df : R -> R) (x y : R) : 0 < x -> x <= y ->
  (forall s : R, 0 < s -> is_derive s (1 : R) f (df s)) ->
  exists2 s : R, x <= s <= y & f y - f x = df s * (y - x).
Proof.
move=> x0 xy D.
have Dxy (s : R) : x <= s -> is_derive s (1 : R) f (df s).
  by move=> xs; apply: D; apply: lt_le_trans xs.
have d (s : R) : s \in `]x, y[ -> is_derive s (1 : R) f (df s).
  by rewrite in_itv /= => /andP[xs _]; apply: Dxy; apply: ltW.
have [|s] := MVT_segment xy d.
  by apply: derivable_within_continuous => s; rewrite in_itv /= => /andP[xs _]; have [] := Dxy s xs.
by rewrite in_itv; exists s.
Qed.

Lemma gap_ge0 t : 0 < t -> 0 <= gap t.
Proof.
have three : 2 * 1 + 1 = 3 :> R by ring.
have one : gap 1 = 0 by rewrite /gap ln1 three; lra.
have pos (s : R) : 0 < s -> 0 <= (s * (2 * s + 1) ^+ 2)^-1.
  by move=> s0; rewrite invr_ge0 mulr_ge0 ?sqr_ge0 // ltW.
move=> t0; have [t1|t1] := leP 1 t.
  have [s /andP[s1 st] e] := mean_value ltr01 t1 gap_derive.
  have := pos s (lt_le_trans ltr01 s1).
  move: e; rewrite one subr0 => -> h; rewrite mulr_ge0 ?subr_ge0 // mulr_ge0 //.
  by rewrite exprn_ge0 // subr_ge0.
have [s /andP[ts s1] e] := mean_value t0 (ltW t1) gap_derive.
have := pos s (lt_le_trans t0 ts); move: e; rewrite one sub0r => e h.
rewrite -[gap t]opprK e -mulNr mulr_ge0 ?subr_ge0 ?(ltW t1) // -mulNr mulr_ge0 //.
have -> : - (s - 1) ^+ 3 = (1 - s) ^+ 3 by ring.
by rewrite exprn_ge0 // subr_ge0.
Qed.

Lemma divergence_squares y z : 0 <= y -> 0 <= z -> (0 < y -> 0 < z) ->
  3 * (z - y) ^+ 2 <= 2 * (y + 2 * z) * kullback_leibler z y.
Proof.
rewrite le_eqVlt => /orP[/eqP <- z0 _|y0 _ /(_ y0) z0].
  by rewrite /kullback_leibler !mul0r; have := sqr_ge0 z; nra.
have t0 : 0 < z / y by rewrite divr_gt0.
have q0 : 0 < 2 * (z / y) + 1 by lra.
have := gap_ge0 t0; rewrite /gap ln_div ?posrE // => h.
have s0 : 0 < 2 * (y + 2 * z) * y by rewrite !mulr_gt0 // addr_gt0 // mulr_gt0.
have e : 2 * (y + 2 * z) * y * (z / y / 4 + 7 / 8 - 27 / 8 * (2 * (z / y) + 1)^-1)
    = (z - y) * (z + 5 * y) by field; rewrite !gt_eqF //; lra.
have := mulr_ge0 (ltW s0) h; rewrite mulrBr e /kullback_leibler; nra.
Qed.

Lemma divergence_ge0 y z : 0 <= y -> 0 <= z -> (0 < y -> 0 < z) -> 0 <= kullback_leibler z y.
Proof.
move=> y0 z0 yz; have := divergence_squares y0 z0 yz; have := sqr_ge0 (z - y).
have [p|] := ltP 0 (y + 2 * z); first by move=> h k; rewrite -(pmulr_rge0 _ p); lra.
move=> h _ _; have -> : y = 0 by lra.
have -> : z = 0 by lra.
by rewrite /kullback_leibler; lra.
Qed.

Lemma divergence_tangent y b z : 0 <= y -> 0 < b -> 0 < z ->
  kullback_leibler b y + (z - b) * (1 - y / b) <= kullback_leibler z y.
Proof.
move=> y0 b0 z0; have h := @le_ln1Dx R (z / b - 1).
have p : 0 < z / b by rewrite divr_gt0.
have {h} := h (_ : -1 < z / b - 1).
rewrite addrCA subrr addr0 ln_div ?posrE // => /(_ ltac:(lra)) h.
have := ler_wpM2l y0 h.
have e : y * (z / b - 1) = (z - b) * (y / b) by field; rewrite gt_eqF.
rewrite e /kullback_leibler; lra.
Qed.

Lemma divergence_rises y b z : 0 <= y -> y <= b -> 0 < b -> b <= z ->
  kullback_leibler b y <= kullback_leibler z y.
Proof.
move=> y0 yb b0 bz; have := divergence_tangent y0 b0 (lt_le_trans b0 bz).
have : 0 <= (z - b) * (1 - y / b).
  by rewrite mulr_ge0 ?subr_ge0 // ler_pdivrMr // mul1r.
lra.
Qed.

Lemma divergence_falls y b z : 0 < z -> z <= b -> b <= y ->
  kullback_leibler b y <= kullback_leibler z y.
Proof.
move=> z0 zb yb; have b0 : 0 < b by apply: lt_le_trans zb.
have y0 : 0 <= y by apply: le_trans yb; apply: ltW.
have := divergence_tangent y0 b0 z0.
have : 0 <= (z - b) * (1 - y / b).
  by rewrite mulr_le0 ?subr_le0 // ler_pdivlMr // mul1r.
lra.
Qed.

(* `reaches`: a divergence below `upper` keeps z below b *)
Theorem far_entry y b z upper : 0 <= y -> y <= b -> 0 < b -> upper <= kullback_leibler b y ->
  kullback_leibler z y < upper -> z <= b.
Proof.
move=> y0 yb b0 far near; have [//|bz] := leP z b.
have := divergence_rises y0 yb b0 (ltW bz); lra.
Qed.

(* `least_over`: g is the divergence less a square *)
Definition above y s c z : R := kullback_leibler z y - s / 2 * (z - c) ^+ 2.
Definition slope y s c z : R := 1 - y / z - s * (z - c).

Lemma above_derive y s c z : 0 < z -> is_derive z (1 : R) (above y s c) (slope y s c z).
Proof.
move=> z0; have Dl := is_derive1_ln z0.
have Ds : is_derive z (1 : R) (fun x : R => x * x) (z + z).
  have -> : (fun x : R => x * x) = (id : R -> R) * id by apply/funext.
  by apply: is_derive_eq; rewrite /GRing.scale /= mulr1.
have -> : above y s c = ((1 + s * c) \*: id) - (y \*: @ln R) - ((s / 2) \*: (fun x : R => x * x))
    + cst (y * ln y - y - s / 2 * c ^+ 2).
  apply/funext => x; change (above y s c x = (1 + s * c) * x - y * ln x - s / 2 * (x * x)
    + (y * ln y - y - s / 2 * c ^+ 2)).
  by rewrite /above /kullback_leibler; field.
apply: is_derive_eq; rewrite /slope /GRing.scale /=; field; rewrite gt_eqF //.
Qed.

(* the slope rises where s z^2 is below y, and falls beyond *)
Lemma slope_change y s c x z : 0 < x -> 0 < z ->
  slope y s c z - slope y s c x = (z - x) * (y / (x * z) - s).
Proof. by move=> x0 z0; rewrite /slope; field; rewrite !gt_eqF. Qed.

Theorem least_over y s c t b z : 0 < y -> 0 <= s -> 0 < t -> s * t ^+ 2 <= y -> 0 < z -> z <= b ->
  Num.min (above y s c b) (Num.min (above y s c t - slope y s c t * t)
    (above y s c t + slope y s c t * (b - t))) <= above y s c z.
Proof.
move=> y0 s0 t0 st z0 zb; rewrite !ge_min.
have line : above y s c t + slope y s c t * (z - t) <= above y s c z ->
    (above y s c t - slope y s c t * t <= above y s c z)
    || (above y s c t + slope y s c t * (b - t) <= above y s c z).
  move=> h; apply/orP; have [p|p] := leP 0 (slope y s c t); [left|right].
    by apply: le_trans h; rewrite lerD2l -mulrN ler_wpM2l //; lra.
  by apply: le_trans h; rewrite lerD2l ler_wnM2l ?(ltW p) //; lra.
have [tz|zt] := leP t z; last first.
  apply/orP; right; apply: line.
  have [x /andP[zx xt]] := mean_value z0 (ltW zt) (@above_derive y s c).
  have x0 : 0 < x by apply: lt_le_trans zx.
  have := slope_change y s c x0 t0; set p := slope y s c t; set q := slope y s c x => e f.
  have low : 0 <= y / (x * t) - s.
    rewrite subr_ge0 ler_pdivlMr ?mulr_gt0 //; apply: le_trans st.
    by rewrite expr2 ler_wpM2l // ler_wpM2r // ltW.
  have : 0 <= p - q by rewrite e mulr_ge0 // subr_ge0.
  move=> h; have := mulr_ge0 h (_ : 0 <= t - z); rewrite subr_ge0 => /(_ (ltW zt)); lra.
have [lower|higher] := leP (above y s c b) (above y s c z); first by [].
apply/orP; right; have [u /andP[zu ub] fu] := mean_value z0 zb (@above_derive y s c).
have [x /andP[tx xz] fx] := mean_value t0 tz (@above_derive y s c).
have u0 : 0 < u by apply: lt_le_trans zu.
have x0 : 0 < x by apply: lt_le_trans tx.
have bz : z < b.
  by rewrite lt_neqAle zb andbT; apply: contraTneq higher => ->; rewrite ltxx.
have up : 0 < slope y s c u.
  by rewrite -(pmulr_lgt0 _ (_ : 0 < b - z)) ?subr_gt0 // -fu subr_gt0.
have : Num.min (slope y s c t) 0 <= slope y s c x.
  rewrite ge_min; have [rise|fall] := leP s (y / (t * x)); apply/orP; [left|right].
    by rewrite -subr_ge0 slope_change // mulr_ge0 // subr_ge0.
  apply: le_trans (ltW up) _; rewrite -subr_ge0 -opprB oppr_ge0 slope_change //.
  rewrite mulr_ge0_le0 ?subr_ge0 //; first exact: le_trans zu.
  rewrite subr_le0; apply: le_trans (ltW fall).
  rewrite ler_wpM2l ?(ltW y0) // lef_pV2 ?posrE ?mulr_gt0 // mulrC ler_wpM2l ?(ltW x0) //.
  by apply: le_trans tz zu.
move=> h; have := ler_wpM2r (_ : 0 <= z - t) h; rewrite subr_ge0 => /(_ tz).
have [p|p] := leP (slope y s c t) 0 => k; first by apply: line; move: fx; lra.
apply/orP; left; have := mulr_ge0 (ltW p) (ltW t0); move: fx k; lra.
Qed.

(* at y = 0 the divergence is z, and g is concave *)
Lemma least_over0 s c b z : 0 <= s -> 0 < b -> 0 <= z -> z <= b ->
  Num.min (above 0 s c b) (above 0 s c 0) <= above 0 s c z.
Proof.
move=> s0 b0 z0 zb; rewrite ge_min.
set A := above 0 s c b; set B := above 0 s c 0; set G := above 0 s c z.
have e : b * G = z * A + (b - z) * B + s / 2 * z * (b - z) * b.
  by rewrite /A /B /G /above /kullback_leibler; field.
have pos : 0 <= s / 2 * z * (b - z) * b by rewrite !mulr_ge0 ?subr_ge0 ?(ltW b0) //; lra.
apply/orP; have [|AB] := leP A G; [by left|right]; have [//|BG] := leP B G.
have := ler_wpM2l z0 (ltW AB); have : 0 <= b - z by rewrite subr_ge0.
move=> bz; have := ler_wpM2l bz (ltW BG) => h1 h2.
have [zp|zn] := ltP 0 z; first by have := ltr_pM2l zp G A; rewrite AB; lra.
have zz : z = 0 by lra.
by move: BG; rewrite /B /G zz ltxx.
Qed.

Lemma row_step n (y z : 'I_n -> R) (r := \sum_j y j) (s := \sum_j z j) :
  (forall j, 0 <= y j) -> (forall j, 0 <= z j /\ (0 < y j -> 0 < z j)) ->
  [/\ 0 <= r / s, 0 < r -> 0 < r / s /\ 0 < s, r / s * s = r &
    \sum_j kullback_leibler (r / s * z j) (y j) + kullback_leibler s r
    = \sum_j kullback_leibler (z j) (y j)].
Proof.
move=> y0 dom; have z0 j : 0 <= z j by have [] := dom j.
have r0 : 0 <= r by apply: sumr_ge0.
have s0 : 0 <= s by apply: sumr_ge0.
have sp : 0 < r -> 0 < s.
  move=> rp; rewrite lt_neqAle s0 andbT; apply/eqP => /esym sz.
  have zz j : z j = 0 by have /(_ j)-> := psumr_eq0P (fun j _ => z0 j) sz.
  move: rp; rewrite /r big1 ?ltxx // => j _; apply/eqP; rewrite eq_le y0 andbT leNgt; apply/negP.
  by move=> /(proj2 (dom j)); rewrite zz ltxx.
have zero : r <= 0 -> r = 0 by move=> rn; apply/eqP; rewrite eq_le rn r0.
split; first by rewrite divr_ge0.
- by move=> rp; rewrite divr_gt0 ?sp.
- have [rp|] := ltP 0 r; first by rewrite divfK // gt_eqF // sp.
  by move=> /zero ->; rewrite !mul0r.
have [rp|rn] := ltP 0 r; last first.
  have rz := zero rn.
  have yz j : y j = 0 by have /(_ j)-> := psumr_eq0P (fun j _ => y0 j) rz.
  rewrite rz mul0r /kullback_leibler !mul0r big1 => [|j _]; last by rewrite yz !mul0r; lra.
  by rewrite add0r !subr0 addr0; apply: eq_bigr => j _; rewrite yz !mul0r; lra.
have {}sp := sp rp; set t := r / s; have tp : 0 < t by rewrite divr_gt0.
have one j : kullback_leibler (t * z j) (y j)
    = kullback_leibler (z j) (y j) + (t * z j - z j - y j * ln t).
  have := y0 j; rewrite /kullback_leibler le_eqVlt => /orP[/eqP <-|yp].
    by rewrite !mul0r; ring.
  by rewrite lnM ?posrE ?(proj2 (dom j)) //; ring.
rewrite (eq_bigr _ (fun j _ => one j)) big_split /= !sumrB -mulr_sumr -mulr_suml -/r -/s.
have -> : t * s = r by rewrite divfK // gt_eqF.
rewrite /kullback_leibler ln_div ?posrE //; ring.
Qed.

(* the log sum inequality *)
Lemma log_sum n (y z : 'I_n -> R) :
  (forall j, 0 <= y j) -> (forall j, 0 <= z j /\ (0 < y j -> 0 < z j)) ->
  kullback_leibler (\sum_j z j) (\sum_j y j) <= \sum_j kullback_leibler (z j) (y j).
Proof.
move=> y0 dom; have [t0 tp _ <-] := row_step y0 dom.
rewrite lerDr sumr_ge0 // => j _; have [z0 yz] := dom j.
apply: divergence_ge0 => //; first exact: mulr_ge0.
move=> yj; rewrite mulr_gt0 ?yz //; apply: (proj1 (tp _)).
by rewrite (bigD1 j) //= ltr_pwDl // sumr_ge0.
Qed.

(* `loss_where`: what the others of a row of sum s lose at least, if its entry y is fitted by b *)
Definition rest e s y b : R :=
  if (0 < (1 + e) * s - b) && ((1 + e) * s - b < s - y)
  then kullback_leibler ((1 + e) * s - b) (s - y) else 0.

Theorem rest_le n (y z : 'I_n -> R) (j : 'I_n) e b :
  (forall l, 0 <= y l) -> (forall l, 0 <= z l /\ (0 < y l -> 0 < z l)) ->
  \sum_l z l <= (1 + e) * (\sum_l y l) -> b <= z j ->
  rest e (\sum_l y l) (y j) b <= \sum_(l | l != j) kullback_leibler (z l) (y l).
Proof.
move=> y0 dom few bz; rewrite /rest; case: ifP => [/andP[q0 qr]|_]; last first.
  by apply: sumr_ge0 => l _; have [] := dom l; apply: divergence_ge0.
pose off (x : 'I_n -> R) l := if l == j then 0 else x l.
have sum_off x : \sum_l off x l = \sum_l x l - x j.
  rewrite (bigD1 j) //= [in RHS](bigD1 j) //= /off eqxx add0r addrAC subrr add0r.
  by apply: eq_bigr => l /negPf ->.
have off0 l : 0 <= off y l by rewrite /off; case: ifP.
have off_dom l : 0 <= off z l /\ (0 < off y l -> 0 < off z l).
  by rewrite /off; case: ifP => _; [rewrite ltxx | exact: dom].
have [_ pos _ _] := row_step off0 off_dom; have := log_sum off0 off_dom.
move: pos; rewrite !sum_off => pos.
have [_ s0] := pos (lt_trans q0 qr).
have e0 : \sum_l kullback_leibler (off z l) (off y l)
    = \sum_(l | l != j) kullback_leibler (z l) (y l).
  rewrite (bigD1 j) //= /off eqxx {1}/kullback_leibler !mul0r !subr0 !addr0 add0r.
  by apply: eq_bigr => l /negPf ->.
rewrite e0; apply: le_trans; apply: divergence_falls (ltW qr) => //; lra.
Qed.

End Entry.

Section Sums.
Variable R : realType.

Definition row_sum m n (Z : 'M[R]_(m, n)) i := \sum_j Z i j.

Definition divergence m n (Y Z : 'M[R]_(m, n)) := \sum_i \sum_j kullback_leibler (Z i j) (Y i j).

(* where the divergence is finite *)
Definition in_domain m n (Y Z : 'M[R]_(m, n)) :=
  forall i j, 0 <= Z i j /\ (0 < Y i j -> 0 < Z i j).

Definition scale_rows m n (t : 'I_m -> R) (Z : 'M[R]_(m, n)) := \matrix_(i, j) (t i * Z i j).

Lemma divergence_tr m n (Y Z : 'M[R]_(m, n)) : divergence Y^T Z^T = divergence Y Z.
Proof.
rewrite /divergence exchange_big; apply: eq_bigr => i _.
by apply: eq_bigr => j _; rewrite !mxE.
Qed.

Lemma in_domain_tr m n (Y Z : 'M[R]_(m, n)) : in_domain Y Z -> in_domain Y^T Z^T.
Proof. by move=> dom i j; rewrite !mxE; apply: dom. Qed.

Lemma cross_le m n (Y Z : 'M[R]_(m, n)) i j : (forall i j, 0 <= Y i j) -> in_domain Y Z ->
  kullback_leibler (Z i j) (Y i j) + \sum_(l | l != j) kullback_leibler (Z i l) (Y i l)
    + \sum_(k | k != i) kullback_leibler (Z k j) (Y k j) <= divergence Y Z.
Proof.
move=> Y0 dom; rewrite /divergence [leRHS](bigD1 i) //= [in leRHS](bigD1 j) //= lerD2l.
apply: ler_sum => k _; rewrite [leRHS](bigD1 j) //= lerDl sumr_ge0 // => l _.
by have [] := dom k l; apply: divergence_ge0.
Qed.

(* rows are scaled to the sums of Y *)
Lemma mend_rows m n (Y Z : 'M[R]_(m, n)) : (forall i j, 0 <= Y i j) -> in_domain Y Z ->
  exists t, [/\ forall i, 0 <= t i, in_domain Y (scale_rows t Z),
    forall i, row_sum (scale_rows t Z) i = row_sum Y i &
    divergence Y (scale_rows t Z) + \sum_i kullback_leibler (row_sum Z i) (row_sum Y i)
      = divergence Y Z].
Proof.
move=> Y0 dom; pose t i := row_sum Y i / row_sum Z i.
have step i : [/\ 0 <= t i, 0 < row_sum Y i -> 0 < t i /\ 0 < row_sum Z i,
    t i * row_sum Z i = row_sum Y i &
    \sum_j kullback_leibler (t i * Z i j) (Y i j)
      + kullback_leibler (row_sum Z i) (row_sum Y i) = \sum_j kullback_leibler (Z i j) (Y i j)].
  exact: row_step (Y0 i) (dom i).
exists t; split=> [i|i j|i|].
- by have [] := step i.
- have [t0 tp _ _] := step i; rewrite mxE; split; first by rewrite mulr_ge0 ?(proj1 (dom i j)).
  move=> yp; rewrite mulr_gt0 ?(proj2 (dom i j)) //; apply: (proj1 (tp _)).
  by rewrite /row_sum (bigD1 j) //= ltr_pwDl // sumr_ge0.
- by have [_ _ <- _] := step i; rewrite /row_sum mulr_sumr; apply: eq_bigr => j _; rewrite mxE.
rewrite /divergence -big_split; apply: eq_bigr => i _ /=; have [_ _ _ <-] := step i.
by congr (_ + _); apply: eq_bigr => j _; rewrite mxE.
Qed.

Section Family.
Variables (m n : nat) (Y : 'M[R]_(m, n)) (S : 'M[R]_(m, n) -> Prop).
Hypotheses (Y_ge0 : forall i j, 0 <= Y i j)
  (rows_in : forall (t : 'I_m -> R) Z, (forall i, 0 <= t i) -> S Z -> S (scale_rows t Z))
  (columns_in : forall (t : 'I_n -> R) Z, (forall j, 0 <= t j) -> S Z -> S (scale_rows t Z^T)^T).

(* one after the other until a step lowers the loss by at most d *)
Lemma rounds d k Z : 0 <= d -> S Z -> in_domain Y Z -> divergence Y Z < k%:R * d ->
  exists Z', [/\ S Z', in_domain Y Z', divergence Y Z' <= divergence Y Z,
    forall i, row_sum Z' i = row_sum Y i &
    \sum_j kullback_leibler (row_sum Z'^T j) (row_sum Y^T j) <= d].
Proof.
move=> d0; have dY_ge0 Z1 : in_domain Y Z1 -> 0 <= divergence Y Z1.
  move=> dom; rewrite sumr_ge0 // => i _; rewrite sumr_ge0 // => j _.
  by have [] := dom i j; apply: divergence_ge0.
elim: k Z => [|k IH] Z SZ dom; first by rewrite mul0r ltNge dY_ge0.
rewrite -natr1 mulrDl mul1r => low.
have [t [t0 dom1 rows1 fall1]] := mend_rows Y_ge0 dom; set Z1 := scale_rows t Z in dom1 rows1 fall1.
have SZ1 : S Z1 by apply: rows_in.
have rise1 : 0 <= \sum_i kullback_leibler (row_sum Z i) (row_sum Y i).
  apply: sumr_ge0 => i _; have [] := row_step (Y_ge0 i) (dom i) => _ pos _ _.
  apply: divergence_ge0; first exact: sumr_ge0.
    by apply: sumr_ge0 => j _; have [] := dom i j.
  by move=> /pos[].
have [|big] := leP (\sum_j kullback_leibler (row_sum Z1^T j) (row_sum Y^T j)) d.
  by move=> small; exists Z1; split=> //; lra.
have YT0 j i : 0 <= Y^T j i by rewrite mxE.
have [s [s0 dom2 _ fall2]] := mend_rows YT0 (in_domain_tr dom1).
have [|||Z' [SZ' dom' le' rows' small]] := IH (scale_rows s Z1^T)^T.
- exact: columns_in.
- by rewrite -[Y]trmxK; apply: in_domain_tr.
- by rewrite -divergence_tr trmxK; rewrite divergence_tr in fall2; lra.
exists Z'; split=> //; apply: le_trans le' _.
by rewrite -divergence_tr trmxK; rewrite divergence_tr in fall2; lra.
Qed.

(* the sums of Z are at most 1 + e times those of Y *)
Lemma mended e Z : 0 < e -> S Z -> in_domain Y Z ->
  exists Z', [/\ S Z', in_domain Y Z', divergence Y Z' <= divergence Y Z,
    forall i, row_sum Z' i <= (1 + e) * row_sum Y i &
    forall j, row_sum Z'^T j <= (1 + e) * row_sum Y^T j].
Proof.
move=> e0 SZ dom; have C0 j : 0 <= row_sum Y^T j by apply: sumr_ge0 => i _; rewrite mxE.
pose least := \big[Num.min/1]_(j | 0 < row_sum Y^T j) row_sum Y^T j.
have least0 : 0 < least by apply/lt_bigmin.
have leastC j : 0 < row_sum Y^T j -> least <= row_sum Y^T j.
  by move=> Cj; apply: bigmin_le_cond.
pose q := 3 * e ^+ 2 / (4 * (3 + 2 * e)); pose d := q * least.
have q0 : 0 < q by rewrite divr_gt0 ?mulr_gt0 ?exprn_gt0 //; lra.
have d0 : 0 < d by rewrite mulr_gt0.
have far j : 0 < row_sum Y^T j ->
    d < kullback_leibler ((1 + e) * row_sum Y^T j) (row_sum Y^T j).
  move=> Cj; set C := row_sum Y^T j in Cj *.
  have big : 0 < (1 + e) * C by rewrite mulr_gt0 //; lra.
  have := divergence_squares (ltW Cj) (ltW big) (fun=> big); set k := kullback_leibler _ _ => h.
  have : 0 < 4 * (3 + 2 * e) * C by rewrite !mulr_gt0 //; lra.
  move=> p; rewrite -(ltr_pM2l p).
  have -> : 4 * (3 + 2 * e) * C * d = 3 * e ^+ 2 * C * least.
    by rewrite /d /q; field; rewrite gt_eqF //; lra.
  have : 3 * e ^+ 2 * C * least < 2 * (3 * e ^+ 2 * C * C).
    have s0 : 0 < 3 * e ^+ 2 * C by rewrite !mulr_gt0 // exprn_gt0.
    apply: le_lt_trans (_ : 3 * e ^+ 2 * C * C < _); first by rewrite ler_pM2l // leastC.
    have : 0 < 3 * e ^+ 2 * C * C by rewrite mulr_gt0.
    lra.
  move: h; have -> : (1 + e) * C - C = e * C by ring.
  have -> : C + 2 * ((1 + e) * C) = (3 + 2 * e) * C by ring.
  rewrite exprMn; lra.
have f0 : 0 <= divergence Y Z.
  rewrite sumr_ge0 // => i _; rewrite sumr_ge0 // => j _.
  by have [] := dom i j; apply: divergence_ge0.
have [|Z' [SZ' dom' le' rows' small]] :=
  @rounds d (Num.bound (divergence Y Z / d)) Z (ltW d0) SZ dom.
  by rewrite -ltr_pdivrMr //; apply: archi_boundP; rewrite divr_ge0 // ltW.
have domT := in_domain_tr dom'; have YT0 j i : 0 <= Y^T j i by rewrite mxE.
have column j : 0 < row_sum Y^T j -> row_sum Z'^T j <= (1 + e) * row_sum Y^T j.
  move=> Cj; have [_ pos _ _] := row_step (YT0 j) (domT j).
  apply: (far_entry (ltW Cj) _ _ (lexx _)).
  - by rewrite ler_peMl // ?(ltW Cj) //; lra.
  - by rewrite mulr_gt0 //; lra.
  apply: le_lt_trans (far j Cj); apply: le_trans small.
  rewrite (bigD1 j) //= lerDl sumr_ge0 // => l _.
  have [_ pos' _ _] := row_step (YT0 l) (domT l).
  apply: divergence_ge0 => //; last by move=> /pos'[].
  by apply: sumr_ge0 => i _; have [] := domT l i.
pose t j : R := if 0 < row_sum Y^T j then 1 else 0.
have t0 j : 0 <= t j by rewrite /t; case: ifP.
have zero i j : (0 < row_sum Y^T j) = false -> Y i j = 0.
  move=> /negbT; rewrite -leNgt => Cj.
  have /psumr_eq0P : \sum_i Y^T j i = 0 by apply/eqP; rewrite eq_le Cj C0.
  by move=> /(_ (fun i _ => YT0 j i)) /(_ i isT); rewrite mxE.
exists (scale_rows t Z'^T)^T; split.
- exact: columns_in.
- move=> i j; rewrite !mxE /t; have [z0 yz] := dom' i j.
  case: ifP => h; first by rewrite mul1r.
  by rewrite mul0r (zero i j h) ltxx.
- apply: le_trans le'; apply: ler_sum => i _; apply: ler_sum => j _; rewrite !mxE /t.
  have [z0 yz] := dom' i j; case: ifP => h; first by rewrite mul1r.
  by rewrite mul0r (zero i j h) /kullback_leibler !mul0r; lra.
- move=> i; apply: (@le_trans _ _ (row_sum Z' i)).
    apply: ler_sum => j _; rewrite !mxE /t; have [z0 _] := dom' i j.
    by case: ifP; rewrite ?mul1r ?mul0r.
  by rewrite rows' ler_peMl ?sumr_ge0 //; lra.
move=> j; have [Cj|Cj] := ltP 0 (row_sum Y^T j).
  apply: le_trans (column j Cj); apply: ler_sum => i _; rewrite !mxE /t; have [z0 _] := dom' i j.
  by case: ifP; rewrite ?mul1r ?mul0r.
rewrite {1}/row_sum big1 => [|i _]; first by rewrite mulr_ge0 ?C0 //; lra.
by rewrite !mxE /t ltNge Cj mul0r.
Qed.

End Family.


(* `squares_below`: f over sums of r slices whose coordinates are in the cones P i and Q j; b is the
   smaller of the row's and the column's sum, a little more, or an entry of "most"; up to b the
   divergence is at least a square about c and the constant g; all squares are at least `low` *)
Theorem counts_bound m n r (P : 'I_m -> R -> Prop) (Q : 'I_n -> R -> Prop)
  (Y b s c g : 'M[R]_(m, n)) (e low upper : R) :
  (forall i (a x : R), 0 <= a -> P i x -> P i (a * x)) ->
  (forall j (a x : R), 0 <= a -> Q j x -> Q j (a * x)) ->
  (forall i j, 0 <= Y i j) -> 0 < e ->
  (forall i j, (1 + e) * Num.min (row_sum Y i) (row_sum Y^T j) <= b i j \/
    [/\ 0 < b i j, Y i j <= b i j & upper <= kullback_leibler (b i j) (Y i j)
      + rest e (row_sum Y i) (Y i j) (b i j) + rest e (row_sum Y^T j) (Y i j) (b i j)]) ->
  (forall i j z, 0 <= z -> (0 < Y i j -> 0 < z) -> z <= b i j ->
    s i j / 2 * (c i j - z) ^+ 2 + g i j <= kullback_leibler z (Y i j)) ->
  (forall (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)),
    (forall i k, P i (U i k)) -> (forall j k, Q j (V j k)) ->
    low <= \sum_i \sum_j s i j / 2 * (c i j - (U *m V^T) i j) ^+ 2) ->
  forall (U : 'M[R]_(m, r)) (V : 'M[R]_(n, r)),
    (forall i k, P i (U i k)) -> (forall j k, Q j (V j k)) -> in_domain Y (U *m V^T) ->
  Num.min (low + \sum_i \sum_j g i j) upper <= divergence Y (U *m V^T).
Proof.
move=> hP hQ Y0 e0 hb hs hlow U V PU QV dom.
rewrite ge_min; apply/orP; have [|small] := leP upper (divergence Y (U *m V^T)); first by right.
left; pose S (Z : 'M[R]_(m, n)) := exists (U' : 'M[R]_(m, r)) (V' : 'M[R]_(n, r)),
  [/\ forall i k, P i (U' i k), forall j k, Q j (V' j k) & Z = U' *m V'^T].
have rows_in t Z : (forall i, 0 <= t i) -> S Z -> S (scale_rows t Z).
  move=> t0 [U' [V' [PU' QV' ->]]]; exists (scale_rows t U'), V'; split=> // [i k|].
    by rewrite mxE; apply: hP.
  apply/matrixP => i j; rewrite !mxE mulr_sumr; apply: eq_bigr => k _; rewrite !mxE; ring.
have columns_in t Z : (forall j, 0 <= t j) -> S Z -> S (scale_rows t Z^T)^T.
  move=> t0 [U' [V' [PU' QV' ->]]]; exists U', (scale_rows t V'); split=> // [j k|].
    by rewrite mxE; apply: hQ.
  apply/matrixP => i j; rewrite !mxE mulr_sumr; apply: eq_bigr => k _; rewrite !mxE; ring.
have [Z' [[U' [V' [PU' QV' eZ]]] dom' le' rows columns]] := mended Y0 rows_in columns_in e0
  (ex_intro _ U (ex_intro _ V (And3 PU QV erefl)) : S (U *m V^T)) dom.
apply: le_trans (le'); apply: le_trans (lerD (hlow U' V' PU' QV') (lexx _)) _.
rewrite -eZ -big_split /=; apply: ler_sum => i _; rewrite -big_split /=; apply: ler_sum => j _.
have [z0 yz] := dom' i j; apply: hs => //.
have in_row : Z' i j <= row_sum Z' i.
  by rewrite /row_sum (bigD1 j) //= lerDl sumr_ge0 // => l _; have [] := dom' i l.
have in_column : Z' i j <= row_sum Z'^T j.
  rewrite /row_sum (bigD1 i) //= mxE lerDl sumr_ge0 // => k _; rewrite mxE.
  by have [] := dom' k j.
case: (hb i j) => [least|[b0 yb far]].
  apply: le_trans least; rewrite minEle; case: ifP => _.
    exact: le_trans in_row (rows i).
  exact: le_trans in_column (columns j).
have [//|/ltW bz] := leP (Z' i j) (b i j); exfalso.
have near := divergence_rises (Y0 i j) yb b0 bz.
have rest1 : rest e (row_sum Y i) (Y i j) (b i j)
    <= \sum_(l | l != j) kullback_leibler (Z' i l) (Y i l).
  exact: rest_le (Y0 i) (dom' i) (rows i) bz.
have rest2 : rest e (row_sum Y^T j) (Y i j) (b i j)
    <= \sum_(k | k != i) kullback_leibler (Z' k j) (Y k j).
  have -> : \sum_(k | k != i) kullback_leibler (Z' k j) (Y k j)
      = \sum_(k | k != i) kullback_leibler (Z'^T j k) (Y^T j k).
    by apply: eq_bigr => k _; rewrite !mxE.
  have -> : Y i j = Y^T j i by rewrite mxE.
  apply: rest_le (in_domain_tr dom' j) (columns j) _ => [k|]; rewrite mxE //.
have := cross_le i j Y0 dom'; lra.
Qed.

End Sums.
