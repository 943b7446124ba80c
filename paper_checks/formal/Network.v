(* Hidden layers: the rules `network`, `outputs` and `linear`.

   I are the rows of F, D the priced coordinates of u, b is the bias: the row f_i, h_i of F (h_i the
   last column where the bias is unpriced, else 0) gives z_i = f_i . u + h_i b.  s(z) = z where
   z >= 0, a z elsewhere.  `reach` bounds |b| at some best u (`free_bias`); without an unpriced bias
   b = 0 and reach = 0. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Forms.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Activation.
Variables (R : realFieldType) (a : R).

Definition act (z : R) : R := if 0 <= z then z else a * z.
Definition pos (z : R) : R := Num.max z 0.

Lemma act_pos z : 0 <= z -> act z = z. Proof. by rewrite /act => ->. Qed.
Lemma act_neg z : z <= 0 -> act z = a * z.
Proof.
move=> h1; rewrite /act; have [h2|//] := leP 0 z.
by rewrite (_ : z = 0) ?mulr0 //; apply/eqP; rewrite eq_le h1.
Qed.

(* s(z) = p - a q, p = z_+, q = p - z *)
Lemma act_parts z : act z = pos z - a * (pos z - z).
Proof.
have [h|/ltW h] := leP 0 z; first by rewrite act_pos // /pos max_l //; ring.
by rewrite act_neg // /pos max_r //; ring.
Qed.

(* s is homogeneous *)
Lemma actM c z : 0 <= c -> act (c * z) = c * act z.
Proof.
move=> c0; have [h|/ltW h] := leP 0 z.
  by rewrite !act_pos // mulr_ge0.
have ch : c * z <= 0 by exact: mulr_ge0_le0.
by rewrite (act_neg h) (act_neg ch); ring.
Qed.

(* rho z <= s(z), a <= rho <= 1 *)
Lemma act_above rho z : a <= rho -> rho <= 1 -> rho * z <= act z.
Proof.
move=> h1 h2; have [h|/ltW h] := leP 0 z; first by rewrite act_pos //; nra.
by rewrite act_neg //; nra.
Qed.

(* s(z) <= kappa z + max((kappa - a) lo, (1 - kappa) hi) on [-lo, hi] *)
Lemma act_chord kappa lo hi z : a <= kappa -> kappa <= 1 -> - lo <= z -> z <= hi ->
  act z <= kappa * z + Num.max ((kappa - a) * lo) ((1 - kappa) * hi).
Proof.
move=> h1 h2 h3 h4; have [h|/ltW h] := leP 0 z.
  rewrite act_pos //; have : (1 - kappa) * hi <= Num.max ((kappa - a) * lo) ((1 - kappa) * hi).
    by rewrite le_max lexx orbT.
  by move: (Num.max _ _) => m; nra.
rewrite act_neg //; have : (kappa - a) * lo <= Num.max ((kappa - a) * lo) ((1 - kappa) * hi).
  by rewrite le_max lexx.
by move: (Num.max _ _) => m; nra.
Qed.

(* z_+ is sublinear: (c z)_+ is c p, or |c| q where c < 0, and (x + y)_+ <= x_+ + y_+ *)
Lemma pos_ge0 z : 0 <= pos z. Proof. by rewrite /pos le_max lexx orbT. Qed.
Lemma pos_ge z : z <= pos z. Proof. by rewrite /pos le_max lexx. Qed.

Definition scaled_pos c z : R := if 0 <= c then c * pos z else - c * (pos z - z).

Lemma pos_scaled c z : pos (c * z) = scaled_pos c z.
Proof.
have nonneg t x : 0 <= t -> pos (t * x) = t * pos x.
  move=> t0; rewrite /pos; have [h|/ltW h] := leP x 0.
    by rewrite !max_r ?mulr0 // mulr_ge0_le0.
  by rewrite !max_l // mulr_ge0.
rewrite /scaled_pos; have [c0|c0] := leP 0 c; first exact: nonneg.
have -> : c * z = - c * - z by ring.
rewrite nonneg; last by rewrite oppr_ge0 ltW.
congr (_ * _); rewrite /pos; have [h|/ltW h] := leP z 0.
  by rewrite max_l ?oppr_ge0 //; ring.
by rewrite max_r ?oppr_le0 // subrr.
Qed.

Lemma pos_sum (I : finType) (z : I -> R) e :
  pos (\sum_i z i + e) <= \sum_i pos (z i) + pos e.
Proof.
rewrite {1}/pos ge_max; apply/andP; split.
  by apply: lerD (pos_ge e); apply: ler_sum => i _; exact: pos_ge.
by apply: addr_ge0 (pos_ge0 e); apply: sumr_ge0 => i _; exact: pos_ge0.
Qed.

End Activation.

Section Network.
Variables (R : realFieldType) (I D : finType) (f : I -> D -> R) (h : I -> R) (a : R).
Implicit Types (u : D -> R) (b : R) (w : I -> R).

Definition pre u b i : R := \sum_j f i j * u j + h i * b.
Definition value w u b : R := \sum_i w i * act a (pre u b i).

(* a sum of rows is linear in (u, b) *)
Lemma sum_pre (A : pred I) (c : I -> R) u b : \sum_(i | A i) c i * pre u b i
  = inner (fun j => \sum_(i | A i) c i * f i j) u + (\sum_(i | A i) c i * h i) * b.
Proof.
rewrite /pre (eq_bigr (fun i => \sum_j c i * f i j * u j + c i * h i * b)).
  rewrite big_split /= -mulr_suml exchange_big; congr (_ + _).
  by apply: eq_bigr => j _; rewrite mulr_suml.
by move=> i _; rewrite mulrDr mulr_sumr mulrA; congr (_ + _); apply: eq_bigr => j _; rewrite mulrA.
Qed.

Lemma inner_minus (x y u : D -> R) : inner (fun j => x j - y j) u = inner x u - inner y u.
Proof. by rewrite /inner -sumrB; apply: eq_bigr => j _; rewrite mulrBl. Qed.

(* An unpriced bias: h i = c > 0 for all rows, the weights sum to zero over the rows (for every
   output the column of W does, all samples having equally many rows, so that any W v does too:
   `pooled_sum`).  reach = max |f_i| / c, n = |u|.  Past the breakpoints nothing changes, so b may
   be taken within reach |u|, and one b' does for every output.  `Network.reach` *)
Theorem free_bias (c reach n : R) u b :
  0 < c -> (forall i, h i = c) -> 0 <= reach -> 0 <= n ->
  (forall i, `|\sum_j f i j * u j| <= c * reach * n) ->
  exists2 b', `|b'| <= reach * n & forall w, \sum_i w i = 0 -> value w u b' = value w u b.
Proof.
move=> c0 hc r0 n0 far.
have rn : 0 <= reach * n by rewrite mulr_ge0.
have shift w t k : \sum_i w i = 0 -> (forall i, act a (pre u t i) = k * pre u t i) ->
    value w u t = k * \sum_i w i * (\sum_j f i j * u j).
  move=> w0 e; rewrite /value (eq_bigr (fun i => k * (w i * (\sum_j f i j * u j)) + (k * (c * t)) * w i)).
    by rewrite big_split /= -!mulr_sumr w0 mulr0 addr0.
  by move=> i _; rewrite e /pre hc; ring.
have [hi|hi] := leP b (reach * n); last first.
  exists (reach * n) => [|w w0]; first by rewrite ger0_norm.
  have up t : reach * n <= t -> forall i, act a (pre u t i) = 1 * pre u t i.
    move=> ht i; rewrite mul1r act_pos // /pre hc.
    by have := far i; rewrite ler_norml => /andP[lo _]; nra.
  by rewrite !(shift w _ 1) //; apply: up => //; exact: ltW.
have [lo|lo] := leP (- (reach * n)) b; first by exists b => //; rewrite ler_norml lo hi.
exists (- (reach * n)) => [|w w0]; first by rewrite normrN ger0_norm.
have down t : t <= - (reach * n) -> forall i, act a (pre u t i) = a * pre u t i.
  move=> ht i; rewrite act_neg // /pre hc.
  by have := far i; rewrite ler_norml => /andP[_ up]; nra.
by rewrite !(shift w _ a) //; apply: down => //; exact: ltW.
Qed.

(* For one u and one w some kink f_k . u + c b = 0 is as good as any b, and f_i . u + c b is then
   (f_i - f_k) . u.  `layer_form`, `add_range` *)
Theorem free_bias_kink (c : R) (i0 : I) w u b :
  (forall i, h i = c) -> \sum_i w i = 0 ->
  exists k, value w u b <= \sum_i w i * act a (\sum_j (f i j - f k j) * u j).
Proof.
move=> hc w0; pose z i := \sum_j f i j * u j; pose t := c * b.
pose g s := \sum_i w i * act a (z i + s).
have here : value w u b = g t by apply: eq_bigr => i _; rewrite /pre hc.
have there k : \sum_i w i * act a (\sum_j (f i j - f k j) * u j) = g (- z k).
  apply: eq_bigr => i _; congr (_ * act a _); rewrite /z -sumrN -big_split /=.
  by apply: eq_bigr => j _; ring.
suff [k hk] : exists k, g t <= g (- z k) by exists k; rewrite here there.
clear here there; clearbody z t.
have constant s m : (forall i, act a (z i + s) = m * (z i + s)) -> g s = m * \sum_i w i * z i.
  move=> e; rewrite /g (eq_bigr (fun i => m * (w i * z i) + (m * s) * w i)).
    by rewrite big_split /= -!mulr_sumr w0 mulr0 addr0.
  by move=> i _; rewrite e; ring.
have act1 x : 0 <= x -> act a x = 1 * x by move=> x0; rewrite mul1r act_pos.
case: (pickP (fun i => z i + t <= 0)) => [p0 hp0|nolow]; last first.
  have pos i : 0 <= z i + t by rewrite ltW // ltNge nolow.
  have [q _ least] := @arg_minP _ _ _ i0 xpredT z isT.
  exists q; rewrite (constant t 1) => [|i]; last exact: act1.
  by rewrite (constant (- z q) 1) // => i; apply: act1; rewrite subr_ge0; apply: least.
case: (pickP (fun i => 0 <= z i + t)) => [q0 hq0|nohigh]; last first.
  have neg i : z i + t <= 0 by rewrite ltW // ltNge nohigh.
  have [p _ most] := @arg_maxP _ _ _ i0 xpredT z isT.
  exists p; rewrite (constant t a) => [|i]; last exact: act_neg.
  by rewrite (constant (- z p) a) // => i; apply: act_neg; rewrite subr_le0; apply: most.
have [p hp most] := @arg_maxP _ _ _ p0 (fun i => z i + t <= 0) z hp0.
have [q hq least] := @arg_minP _ _ _ q0 (fun i => 0 <= z i + t) z hq0.
have between : (z q - z p) * g t = (z q + t) * g (- z p) - (z p + t) * g (- z q).
  rewrite /g !mulr_sumr -sumrB; apply: eq_bigr => i _.
  have [low|/ltW high] := leP (z i + t) 0.
    have le : z i <= z p by exact: most.
    by rewrite !act_neg; [ring | lra | lra | lra].
  have le : z q <= z i by exact: least.
  by rewrite !act1; [ring | lra | lra | lra].
have [ab|ba] := leP (g (- z p)) (g (- z q)).
  exists q; have [e|far] := eqVneq (z q) (z p).
    suff -> : t = - z q by []; lra.
  have pos : 0 < z q - z p by rewrite lt_neqAle eq_sym subr_eq0 far; lra.
  by rewrite -(ler_pM2l pos) between; nra.
exists p; have [e|far] := eqVneq (z q) (z p).
  suff -> : t = - z p by []; lra.
have pos : 0 < z q - z p by rewrite lt_neqAle eq_sym subr_eq0 far; lra.
by rewrite -(ler_pM2l pos) between; nra.
Qed.

(* |f_i . u| <= |f_i| |u|, for `free_bias` and `Network.radii` *)
Lemma far_row i u (r n : R) : 0 <= r -> 0 <= n -> size2 (f i) <= r ^+ 2 -> size2 u <= n ^+ 2 ->
  `|\sum_j f i j * u j| <= r * n.
Proof.
move=> r0 n0 hr hn; rewrite -(@ler_pXn2r _ 2) ?nnegrE ?mulr_ge0 // -normrX ger0_norm ?sqr_ge0 //.
apply: le_trans (cauchy (f i) u) _; rewrite exprMn.
by apply: ler_pM => //; exact: size2_ge0.
Qed.

(* `radii` *)
Lemma radius i u b (r reach : R) : 0 <= r -> size2 (f i) <= r ^+ 2 -> size2 u <= 1 -> `|b| <= reach ->
  `|pre u b i| <= r + reach * `|h i|.
Proof.
move=> r0 hr hu hb; apply: le_trans (ler_normD _ _) _; apply: lerD.
  by rewrite -[r]mulr1; apply: far_row => //; rewrite expr1n.
by rewrite normrM mulrC ler_wpM2r.
Qed.

(* rows of the path: (row, sign), sign 1 where the path holds z >= 0, -1 where z <= 0 *)
Definition sided u b (path : seq (I * R)) := forall k, k \in path -> 0 <= k.2 * pre u b k.1.

(* `farthest`: sum_i factor_i z_i <= |sum factor_i f_i + sum mu_k sign_k f_k| + |...| reach.
   top is a root rounded up. *)
Theorem farthest (path : seq (I * R)) (mu : I * R -> R) (factor : I -> R) (reach top : R) u b :
  size2 u <= 1 -> `|b| <= reach -> sided u b path -> (forall k, k \in path -> 0 <= mu k) ->
  let total i := factor i + \sum_(k <- path | k.1 == i) k.2 * mu k in
  0 <= top -> size2 (fun j => \sum_i total i * f i j) <= top ^+ 2 ->
  \sum_i factor i * pre u b i <= top + `|\sum_i total i * h i| * reach.
Proof.
move=> hu hb side mu0 total top0 htop.
have more : \sum_i factor i * pre u b i <= \sum_i total i * pre u b i.
  rewrite -subr_ge0 -sumrB.
  have -> : \sum_i (total i * pre u b i - factor i * pre u b i)
      = \sum_i \sum_(k <- path | k.1 == i) mu k * (k.2 * pre u b k.1).
    apply: eq_bigr => i _; rewrite /total mulrDl addrC addKr mulr_suml.
    by apply: eq_bigr => k /eqP <-; ring.
  apply: sumr_ge0 => i _; rewrite big_seq_cond; apply: sumr_ge0 => k /andP[kp _].
  by apply: mulr_ge0; [exact: mu0|exact: side].
apply: le_trans more _.
rewrite sum_pre; apply: lerD; last first.
  by apply: le_trans (ler_norm _) _; rewrite normrM ler_wpM2l.
have [neg|posi] := leP (inner (fun j => \sum_i total i * f i j) u) 0; first exact: le_trans neg top0.
rewrite -ler_sqr ?nnegrE ?(ltW posi) //; apply: le_trans (cauchy _ _) _.
rewrite -[leRHS]mulr1; apply: ler_pM => //; exact: size2_ge0.
Qed.

(* What `cell_bound` takes of row i with the weight omega: a factor, and an amount by itself. *)
Inductive line (omega : R) : Type :=
| Known of bool            (* on the path: z >= 0 (true) or z <= 0 *)
| Below of R               (* omega < 0: s(z) >= rho z *)
| Above of R & R & R       (* omega > 0: s(z) <= kappa z + ... on [-lo, hi] *)
| Nothing.                 (* omega = 0 *)

Definition slope_of omega (l : line omega) : R :=
  match l with
  | Known s => omega * (if s then 1 else a)
  | Below rho => omega * rho
  | Above kappa _ _ => omega * kappa
  | Nothing => 0
  end.

Definition extra_of omega (l : line omega) : R :=
  match l with
  | Above kappa lo hi => omega * Num.max ((kappa - a) * lo) ((1 - kappa) * hi)
  | _ => 0
  end.

(* what the kernel demands, and what is true at z *)
Definition fits omega (l : line omega) (z : R) : Prop :=
  match l with
  | Known s => if s then 0 <= z else z <= 0
  | Below rho => [/\ omega <= 0, a <= rho & rho <= 1]
  | Above kappa lo hi => [/\ 0 <= omega, a <= kappa, kappa <= 1, - lo <= z & z <= hi]
  | Nothing => omega = 0
  end.

Lemma line_above omega (l : line omega) z : fits l z ->
  omega * act a z <= slope_of l * z + extra_of l.
Proof.
case: l => [[|]|rho|kappa lo hi|] /=.
- by move=> z0; rewrite act_pos // mulr1 addr0.
- by move=> z0; rewrite act_neg // addr0 mulrA.
- by move=> [w0 r0 r1]; have := act_above z r0 r1; nra.
- move=> [w0 k0 k1 l0 h0]; have := act_chord k0 k1 l0 h0.
  by move: (Num.max _ _) (act a z) => m s; nra.
- by move->; rewrite !mul0r addr0.
Qed.

(* `cell_bound`: w = sign * omega.  The ranges lo, hi of `fits` are proved by `farthest` too, or by
   `radius` (`chords`).  The kernel demands a slope a <= 1 besides, which `fits` implies wherever a
   row is undecided. *)
Theorem cell_bound w (l : forall i, line (w i)) (path : seq (I * R)) (mu : I * R -> R)
    (reach top : R) u b :
  size2 u <= 1 -> `|b| <= reach -> sided u b path ->
  (forall k, k \in path -> 0 <= mu k) -> (forall i, fits (l i) (pre u b i)) ->
  let total i := slope_of (l i) + \sum_(k <- path | k.1 == i) k.2 * mu k in
  0 <= top -> size2 (fun j => \sum_i total i * f i j) <= top ^+ 2 ->
  value w u b <= top + `|\sum_i total i * h i| * reach + \sum_i extra_of (l i).
Proof.
move=> hu hb side mu0 fit total top0 htop.
apply: le_trans (_ : _ <= \sum_i slope_of (l i) * pre u b i + \sum_i extra_of (l i)) _.
  by rewrite -big_split; apply: ler_sum => i _; apply: line_above.
by apply: lerD => //; apply: (farthest hu hb side mu0 top0 htop).
Qed.

(* `chords`: with factor 1, or -1, at one row *)
Corollary chord_range (path : seq (I * R)) (mu : I * R -> R) (reach top s : R) i u b :
  size2 u <= 1 -> `|b| <= reach -> sided u b path -> (forall k, k \in path -> 0 <= mu k) ->
  let total j := (if j == i then s else 0) + \sum_(k <- path | k.1 == j) k.2 * mu k in
  0 <= top -> size2 (fun j => \sum_k total k * f k j) <= top ^+ 2 ->
  s * pre u b i <= top + `|\sum_k total k * h k| * reach.
Proof.
move=> hu hb side mu0 total top0 htop; have := farthest hu hb side mu0 top0 htop.
rewrite (bigD1 i) //= eqxx big1 ?addr0 // => j /negPf ->; exact: mul0r.
Qed.

(* a line over (u, b) is at most |u| = s times its length, |b| <= reach s.  `bound_line` *)
Lemma bound_line (l : D -> R) (k reach top s : R) u b :
  0 <= s -> size2 u <= s ^+ 2 -> `|b| <= reach * s -> 0 <= top -> size2 l <= top ^+ 2 ->
  inner l u + k * b <= (top + `|k| * reach) * s.
Proof.
move=> s0 hu hb top0 htop; rewrite mulrDl; apply: lerD; last first.
  by apply: le_trans (ler_norm _) _; rewrite normrM -mulrA ler_wpM2l.
have ts : 0 <= top * s by rewrite mulr_ge0.
have [neg|/ltW posi] := leP (inner l u) 0; first exact: le_trans neg ts.
rewrite -ler_sqr ?nnegrE //; apply: le_trans (cauchy _ _) _.
by rewrite exprMn; apply: ler_pM => //; exact: size2_ge0.
Qed.

(* {"above": k, "of": [[i, c_i], ...]}: c_k = 0, g and gb are the coefficients of u and b, which are
   those of the q_i rounded; top and lost bound what f_k - sum c_i f_i and the rounding may add.
   `add_fact` *)
Theorem added_fact (c : I -> R) k (g : D -> R) (gb reach top lost s : R) u b :
  let e j := f k j - \sum_i c i * f i j in
  let eb := h k - \sum_i c i * h i in
  let r j := \sum_(i | c i < 0) c i * f i j - g j in
  let rb := \sum_(i | c i < 0) c i * h i - gb in
  0 <= s -> size2 u <= s ^+ 2 -> `|b| <= reach * s ->
  0 <= top -> size2 e <= top ^+ 2 -> 0 <= lost -> size2 r <= lost ^+ 2 -> 0 <= reach ->
  0 <= - pos (pre u b k) + \sum_i `|c i| * pos (pre u b i) + inner g u + gb * b
       + ((top + `|eb| * reach) + (lost + `|rb| * reach)) * s.
Proof.
move=> e eb r rb s0 hu hb top0 he lost0 hr reach0.
have split : pre u b k = \sum_i c i * pre u b i + (inner e u + eb * b).
  by rewrite (sum_pre xpredT) /e inner_minus /eb /pre /inner; ring.
have he' := bound_line eb s0 hu hb top0 he; have hr' := bound_line rb s0 hu hb lost0 hr.
have parts : \sum_i pos (c i * pre u b i)
    = \sum_i `|c i| * pos (pre u b i) + \sum_(i | c i < 0) c i * pre u b i.
  rewrite [X in _ + X]big_mkcond /= -big_split /=; apply: eq_bigr => i _; rewrite pos_scaled /scaled_pos.
  have [c0|c0] := leP 0 (c i); first by rewrite ger0_norm // addr0.
  by rewrite ltr0_norm //; ring.
have above : pos (inner e u + eb * b) <= (top + `|eb| * reach) * s.
  rewrite {1}/pos ge_max he' /=; apply: mulr_ge0 s0; apply: addr_ge0 => //; exact: mulr_ge0.
have := pos_sum (fun i => c i * pre u b i) (inner e u + eb * b); rewrite -split parts sum_pre => le.
move: hr'; rewrite /r inner_minus => hr'.
have rbb : rb * b = (\sum_(i | c i < 0) c i * h i) * b - gb * b by rewrite /rb mulrBl.
by rewrite mulrDl; clearbody eb rb; lra.
Qed.

(* {"range": [[i, c_i], ...]}: at a break f_k . u + h b = 0 a combination of rows is e_k . u; lost bounds
   what is lost where its coefficients are rounded to g and gb.  `free_bias_kink` says that breaks are
   enough.  `add_range` *)
Theorem range_fact (c : I -> R) k (g : D -> R) (gb h0 top lost reach s : R) u b :
  let total := \sum_i c i in
  let e j := \sum_i c i * f i j - total * f k j in
  let r j := - (\sum_i c i * f i j) - g j in
  let rb := - (\sum_i c i * h i) - gb in
  (forall i, h i = h0) -> pre u b k = 0 ->
  0 <= s -> size2 u <= s ^+ 2 -> `|b| <= reach * s -> 0 <= reach ->
  0 <= top -> size2 e <= top ^+ 2 -> 0 <= lost -> size2 r <= lost ^+ 2 ->
  0 <= inner g u + gb * b + (top + (lost + `|rb| * reach)) * s.
Proof.
move=> total e r rb hc at_k s0 hu hb reach0 top0 he lost0 hr.
have linear := sum_pre xpredT c u b.
have scale t (x : D -> R) : inner (fun j => t * x j) u = t * inner x u.
  by rewrite /inner mulr_sumr; apply: eq_bigr => j _; rewrite mulrA.
have opp (x : D -> R) : inner (fun j => - x j) u = - inner x u.
  by rewrite /inner -sumrN; apply: eq_bigr => j _; rewrite mulNr.
have hsum : \sum_i c i * h i = total * h0.
  by rewrite /total mulr_suml; apply: eq_bigr => i _; rewrite hc.
have bias : h0 * b = - inner (f k) u by move: at_k; rewrite /pre hc /inner => /eqP; rewrite addrC addr_eq0 => /eqP.
have here : \sum_i c i * pre u b i = inner e u.
  by rewrite linear hsum -mulrA bias /e inner_minus scale mulrN.
have he' := bound_line 0 s0 hu hb top0 he; rewrite mul0r addr0 normr0 mul0r addr0 in he'.
have hr' := bound_line rb s0 hu hb lost0 hr; move: hr'.
have -> : inner r u = - inner (fun j => \sum_i c i * f i j) u - inner g u.
  by rewrite -opp; exact: (inner_minus (fun j => - (\sum_i c i * f i j)) g).
have -> : rb * b = - ((\sum_i c i * h i) * b) - gb * b by rewrite /rb mulrBl mulNr.
by move: linear he'; rewrite here mulrDl => -> he' hr'; clearbody rb; lra.
Qed.

End Network.
