(* Hidden layers: several outputs, pooling, slope 1, and parallel deep networks.

   What the kernel does besides: roots are rounded up, sums and products are exact or outward. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring lra.
From Formal Require Import Base Forms Network.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* y = W^T pool(s(F u)) and v: what a bound of y says of <y, v> over the unit ball of v *)
Section Outputs.
Variables (R : realFieldType) (O : finType).
Implicit Types (y v : O -> R).

Lemma root_le (x bound : R) : 0 <= bound -> x ^+ 2 <= bound ^+ 2 -> x <= bound.
Proof.
move=> b0 h; have [neg|posi] := leP x 0; first exact: le_trans neg b0.
by rewrite -ler_sqr ?nnegrE ?(ltW posi).
Qed.

(* `network_bound`, rule "network": |y|_2 <= P *)
Theorem network_l2 y v (P : R) : 0 <= P -> size2 y <= P ^+ 2 -> size2 v <= 1 -> inner y v <= P.
Proof.
move=> P0 hy hv; apply: root_le => //; apply: le_trans (cauchy y v) _.
rewrite -[leRHS]mulr1; apply: ler_pM => //; exact: size2_ge0.
Qed.

Lemma entry_le y o : y o ^+ 2 <= size2 y.
Proof. by rewrite /size2 (bigD1 o) //= lerDl; apply: sumr_ge0 => i _; apply: sqr_ge0. Qed.

(* `network_bound`, rule "outputs": each output has y_o v_o <= P_o |v_o| (`output_sign`) *)
Theorem outputs_l1 y v (P : O -> R) (bound : R) :
  0 <= bound -> (forall o, y o * v o <= P o * `|v o|) -> (forall o, P o <= bound) ->
  \sum_o `|v o| <= 1 -> inner y v <= bound.
Proof.
move=> b0 h hP hv; apply: le_trans (_ : _ <= bound * \sum_o `|v o|) _; last exact: ler_piMr.
rewrite mulr_sumr; apply: ler_sum => o _; apply: le_trans (h o) _; exact: ler_wpM2r.
Qed.

Theorem outputs_linf y v (P : O -> R) :
  (forall o, 0 <= P o) -> (forall o, y o * v o <= P o * `|v o|) -> (forall o, `|v o| <= 1) ->
  inner y v <= \sum_o P o.
Proof.
move=> P0 h hv; apply: ler_sum => o _; apply: le_trans (h o) _; exact: ler_piMr.
Qed.

Theorem outputs_l2 y v (P : O -> R) (bound : R) :
  0 <= bound -> (forall o, y o * v o <= P o * `|v o|) -> size2 P <= bound ^+ 2 -> size2 v <= 1 ->
  inner y v <= bound.
Proof.
move=> b0 h hP hv; apply: le_trans (_ : _ <= inner P (fun o => `|v o|)) _; first exact: ler_sum.
apply: network_l2 => //; rewrite /size2 (eq_bigr (fun o => v o ^+ 2)) // => o _.
by rewrite real_normK ?num_real.
Qed.

(* v free, or with the one sign sg: then only that sign's tree is asked for *)
Lemma output_sign y v (P : O -> R) (sg : R) o :
  sg ^+ 2 = 1 -> 0 <= sg * v o -> sg * y o <= P o -> y o * v o <= P o * `|v o|.
Proof.
move=> s1 pos h.
have -> : y o * v o = (sg * y o) * (sg * v o) by rewrite -[LHS]mul1r -s1; ring.
have -> : `|v o| = sg * v o.
  rewrite -[RHS]ger0_norm // normrM (_ : `|sg| = 1) ?mul1r //.
  by apply/eqP; rewrite -(@pexpr_eq1 _ _ 2) // -normrX s1 normr1.
exact: ler_wpM2r.
Qed.

Lemma output_free y v (P : O -> R) o : `|y o| <= P o -> y o * v o <= P o * `|v o|.
Proof.
by move=> h; apply: le_trans (ler_norm _) _; rewrite normrM; apply: ler_wpM2r.
Qed.

(* rule "network" again: in l1 the largest entry is no larger, in linf root(outputs) times it *)
Theorem network_l1 y v (P : R) :
  0 <= P -> size2 y <= P ^+ 2 -> \sum_o `|v o| <= 1 -> inner y v <= P.
Proof.
move=> P0 hy hv; apply: (@outputs_l1 y v (fun=> P)) => // o; apply: output_free.
rewrite -(@ler_pXn2r _ 2) ?nnegrE // real_normK ?num_real //.
exact: le_trans (entry_le y o) hy.
Qed.

Theorem network_linf y v (P bound : R) :
  0 <= bound -> size2 y <= P ^+ 2 -> P ^+ 2 * #|O|%:R <= bound ^+ 2 -> (forall o, `|v o| <= 1) ->
  inner y v <= bound.
Proof.
move=> b0 hy hb hv; apply: root_le => //; apply: le_trans (cauchy y v) _; apply: le_trans hb.
apply: ler_pM => //; try exact: size2_ge0.
rewrite /size2 -sum1_card natr_sum; apply: ler_sum => o _.
by rewrite -real_normK ?num_real // -[leRHS](expr1n _ 2) lerXn2r ?nnegrE.
Qed.

End Outputs.

(* Rows summed into their samples, `pulled`: W stands for its rows on those of F. *)
Section Pool.
Variables (R : realFieldType) (I S O : finType) (sample : I -> S) (W : S -> O -> R).

Theorem pooled (s : I -> R) (v : O -> R) :
  \sum_k \sum_o W k o * ((\sum_(i | sample i == k) s i) * v o)
    = inner (fun o => \sum_i W (sample i) o * s i) v.
Proof.
rewrite exchange_big; apply: eq_bigr => o _.
rewrite (partition_big sample predT) //= mulr_suml; apply: eq_bigr => k _.
rewrite mulrA mulr_sumr !mulr_suml; apply: eq_bigr => i /eqP ->; by [].
Qed.

(* the weights of every output sum to zero where its column of W does and every sample has
   equally many rows: what `free_bias` needs *)
Theorem pooled_sum (count : nat) o :
  (forall k, #|[pred i | sample i == k]| = count) -> \sum_k W k o = 0 ->
  \sum_i W (sample i) o = 0.
Proof.
move=> even w0; rewrite (partition_big sample predT) //=.
rewrite (eq_bigr (fun k => count%:R * W k o)) => [|k _]; first by rewrite -mulr_sumr w0 mulr0.
rewrite (eq_bigr (fun=> W k o)) => [|i /eqP -> //].
by rewrite sumr_const -(even k) mulr_natl.
Qed.

End Pool.

(* u of norm at most 1 and any b, from |u| = 1 and |b| <= reach *)
Section Unit.
Variables (R : rcfType) (D : finType) (g : (D -> R) -> R -> R) (reach bound : R).

Theorem unit_priced :
  (forall c u b, 0 <= c -> g (fun j => c * u j) (c * b) = c * g u b) ->
  (forall u v b, u =1 v -> g u b = g v b) -> 0 <= bound ->
  (forall u b, size2 u = 1 -> `|b| <= reach -> g u b <= bound) ->
  forall u b, size2 u <= 1 -> `|b| <= reach * Num.sqrt (size2 u) -> g u b <= bound.
Proof.
move=> hom ext b0 at1 u b u1 hb; set n := Num.sqrt (size2 u).
have nn : n ^+ 2 = size2 u by rewrite sqr_sqrtr ?size2_ge0.
have [/eqP n0|n0] := boolP (n == 0).
  have s0 : size2 u = 0 by rewrite -nn n0 expr0n.
  have z0 j : u j = 0.
    by apply/eqP; rewrite -sqrf_eq0; apply/eqP; exact: (psumr_eq0P (fun b _ => sqr_ge0 (u b)) s0).
  have -> : b = 0 by apply/eqP; rewrite -normr_le0; move: hb; rewrite -/n n0 mulr0.
  have -> : g u 0 = 0.
    have := hom 0 u 0 (lexx 0); rewrite !mul0r => e; rewrite -[RHS]e.
    by apply: ext => j; rewrite z0 mul0r.
  exact: b0.
have npos : 0 < n by rewrite lt_def n0 sqrtr_ge0.
have n1 : n <= 1 by rewrite -[leRHS]sqrtr1 ler_wsqrtr.
have := at1 (fun j => n^-1 * u j) (n^-1 * b); rewrite hom ?invr_ge0 ?(ltW npos) //.
rewrite {1}/size2 (eq_bigr (fun j => n ^- 2 * u j ^+ 2)); last by move=> j _; rewrite exprMn exprVn.
rewrite -mulr_sumr -/(size2 u) -nn mulVf ?expf_neq0 // normrM gtr0_norm ?invr_gt0 //.
rewrite ler_pdivrMl // mulrC => /(_ erefl hb); rewrite ler_pdivrMl // => le.
by apply: le_trans le _; rewrite ler_piMl.
Qed.

End Unit.

(* what `unit_priced` asks of the values of a layer *)
Lemma value_homogeneous (R : realFieldType) (I D : finType) (f : I -> D -> R) (h : I -> R) (a c : R)
    (w : I -> R) (u : D -> R) (b : R) : 0 <= c ->
  value f h a w (fun j => c * u j) (c * b) = c * value f h a w u b.
Proof.
move=> c0; rewrite /value mulr_sumr; apply: eq_bigr => i _.
have -> : pre f h (fun j => c * u j) (c * b) i = c * pre f h u b i.
  rewrite /pre mulrDr mulr_sumr (mulrCA c (h i)); congr (_ + _).
  by apply: eq_bigr => j _; rewrite mulrCA.
by rewrite actM // mulrCA.
Qed.

(* `of_linear`: slope 1, no unpriced bias: the matrix F^T W; of one output every norm is |v| *)
Theorem linear_pairing (R : realFieldType) (I D O : finType) (f : I -> D -> R) (w : I -> O -> R)
    (u : D -> R) (v : O -> R) :
  inner (fun o => value f (fun=> 0) 1 (fun i => w i o) u 0) v
    = \sum_j \sum_o (\sum_i f i j * w i o) * (u j * v o).
Proof.
have act1 z : act 1 z = z :> R by rewrite /act mul1r; case: ifP.
rewrite exchange_big; apply: eq_bigr => o _; rewrite /value mulr_suml.
rewrite (eq_bigr (fun i => \sum_j f i j * w i o * (u j * v o))).
  by rewrite exchange_big; apply: eq_bigr => j _; rewrite mulr_suml.
move=> i _; rewrite act1 /pre mulr0 addr0 mulr_sumr mulr_suml.
by apply: eq_bigr => j _; ring.
Qed.

Lemma one_output (R : realFieldType) (v : unit -> R) :
  \sum_o `|v o| = `|v tt| /\ size2 v = `|v tt| ^+ 2.
Proof.
by rewrite /size2 !sum_unit real_normK ?num_real.
Qed.

(* Parallel networks of K layers, phi(X1, ..., XK) = s(... s(F X1) ...) XK. *)
Section Deep.
Variables (R : realFieldType) (a : R).

Inductive layers : nat -> nat -> Type :=
| One m n of 'M[R]_(m, n) : layers m n
| More m k n of 'M[R]_(m, k) & layers k n : layers m n.

(* what comes out of the layers above H *)
Fixpoint run N m n (l : layers m n) : 'M[R]_(N, m) -> 'M[R]_(N, n) :=
  match l with
  | One _ _ X => fun H => H *m X
  | More _ _ _ X rest => fun H => run rest (map_mx (act a) (H *m X))
  end.

Fixpoint product m n (l : layers m n) : 'M[R]_(m, n) :=
  match l with
  | One _ _ X => X
  | More _ _ _ X rest => X *m product rest
  end.

(* the product of the squared Frobenius norms, and how many activations there are *)
Fixpoint sizes m n (l : layers m n) : R :=
  match l with
  | One _ _ X => sq X
  | More _ _ _ X rest => sq X * sizes rest
  end.

Fixpoint hidden m n (l : layers m n) : nat :=
  match l with
  | One _ _ _ => 0%N
  | More _ _ _ _ rest => (hidden rest).+1
  end.

Lemma sizes_ge0 m n (l : layers m n) : 0 <= sizes l.
Proof. by elim: l => [m' n' X|m' k n' X rest ih] /=; rewrite ?mulr_ge0 ?sq_ge0. Qed.

(* |A x|^2 <= s |x|^2 for all x: what `Arithmetic.gram` and `top` prove of a matrix *)
Definition spectral_le m n (A : 'M[R]_(m, n)) (s : R) := forall x : 'cV_n, sq (A *m x) <= s * sq x.

Lemma sq_cols m n (A : 'M[R]_(m, n)) : sq A = \sum_j sq (col j A).
Proof.
rewrite /sq /dot exchange_big; apply: eq_bigr => j _; apply: eq_bigr => i _.
by rewrite big_ord1 !mxE.
Qed.

(* |A X|_F^2 <= |A|_2^2 |X|_F^2 *)
Lemma sq_mul_spectral m n p (A : 'M[R]_(m, n)) (X : 'M_(n, p)) s :
  spectral_le A s -> sq (A *m X) <= s * sq X.
Proof.
move=> h; rewrite !sq_cols mulr_sumr; apply: ler_sum => j _.
by rewrite colE -mulmxA -colE; apply: h.
Qed.

(* |A x|^2 <= |A|_F^2 |x|^2 *)
Lemma spectral_frobenius m n (A : 'M[R]_(m, n)) : spectral_le A (sq A).
Proof.
move=> x; rewrite !sq_col /sq /dot mulr_suml; apply: ler_sum => i _; rewrite mxE.
have -> : \sum_j A i j * A i j = size2 (fun j => A i j) by apply: eq_bigr => j _; rewrite expr2.
exact: (cauchy (fun j => A i j) (fun j => x j 0)).
Qed.

Lemma sq_mul m n p (A : 'M[R]_(m, n)) (X : 'M_(n, p)) : sq (A *m X) <= sq A * sq X.
Proof. exact: sq_mul_spectral (@spectral_frobenius _ _ A). Qed.

Lemma sq_product m n (l : layers m n) : sq (product l) <= sizes l.
Proof.
elim: l => [m' n' X|m' k n' X rest ih] //=; apply: le_trans (sq_mul _ _) _.
by apply: ler_wpM2l; rewrite ?sq_ge0.
Qed.

(* u^T A v <= P over |u|_2, |v|_2 <= 1, in squares, gives |A^T X|_F <= P |X|_F *)
Lemma spectral_polar m n (A : 'M[R]_(m, n)) (P : R) :
  (forall (u : 'cV_m) (v : 'cV_n), dot u (A *m v) ^+ 2 <= P ^+ 2 * (sq u * sq v)) -> spectral_le A^T (P ^+ 2).
Proof.
move=> h x; have := h x (A^T *m x).
have -> : dot x (A *m (A^T *m x)) = sq (A^T *m x) by rewrite /sq dot_mull trmxK.
move=> le.
have s0 := sq_ge0 (A^T *m x); have x0 := sq_ge0 x; have p0 := sqr_ge0 P.
have [/eqP ->|ne] := boolP (sq (A^T *m x) == 0); first exact: mulr_ge0.
have pos : 0 < sq (A^T *m x) by rewrite lt_def ne.
by rewrite -(ler_pM2r pos) -mulrA -expr2.
Qed.

(* the Gram matrix of either side will do *)
Lemma spectral_tr m n (A : 'M[R]_(m, n)) s : 0 <= s -> spectral_le A s -> spectral_le A^T s.
Proof.
move=> s0 h x; have := cauchy_schwarz x (A *m (A^T *m x)).
have -> : dot x (A *m (A^T *m x)) = sq (A^T *m x) by rewrite /sq dot_mull trmxK.
have t0 := sq_ge0 (A^T *m x); have x0 := sq_ge0 x; move=> le.
have [/eqP ->|ne] := boolP (sq (A^T *m x) == 0); first exact: mulr_ge0.
have pos : 0 < sq (A^T *m x) by rewrite lt_def ne.
rewrite -(ler_pM2r pos) -expr2; apply: le_trans le _; rewrite mulrAC mulrC.
by apply: ler_wpM2r => //; apply: h.
Qed.

(* `Arithmetic.top` of a Gram matrix: A^T A <= t I *)
Lemma spectral_gram m n (A : 'M[R]_(m, n)) t :
  (forall x, qf (A^T *m A) x <= t * sq x) -> spectral_le A t.
Proof. by move=> h x; rewrite -qf_gramT. Qed.

(* `deep_bound`, rule "linear": A = F^T W, P its polar by a rule of matrices for l2 and l2.
   <A, X1 (X2 ... XK)> = <X1^T A, X2 ... XK>. *)
Theorem deep_linear m k n (A : 'M[R]_(m, n)) (X : 'M_(m, k)) (l : layers k n) (P : R) :
  (forall (u : 'cV_m) (v : 'cV_n), dot u (A *m v) ^+ 2 <= P ^+ 2 * (sq u * sq v)) ->
  dot A (product (More X l)) ^+ 2 <= P ^+ 2 * sizes (More X l).
Proof.
move=> h; rewrite /= dotC dot_mull dotC; apply: le_trans (cauchy_schwarz _ _) _.
rewrite mulrA; apply: ler_pM; try exact: sq_ge0; last exact: sq_product.
by rewrite -sq_tr trmx_mul trmxK; apply: sq_mul_spectral; apply: spectral_polar.
Qed.

Lemma deep_linear_output N m n (F : 'M[R]_(N, m)) (W : 'M_(N, n)) (l : layers m n) :
  dot W (F *m product l) = dot (F^T *m W) (product l).
Proof. by rewrite dotC dot_mull dotC. Qed.

(* slope 1: the activations do nothing *)
Lemma run_linear N m n (l : layers m n) (H : 'M[R]_(N, m)) : a = 1 -> run l H = H *m product l.
Proof.
move=> a1; elim: l N H => [m' n' X|m' k n' X rest ih] N H //=.
rewrite (_ : map_mx _ _ = H *m X) ?ih ?mulmxA //.
by apply/matrixP => i j; rewrite mxE /act a1 mul1r; case: ifP.
Qed.

(* |s(G)|_F <= L |G|_F; steep is L^2 = max(1, a^2) *)
Lemma sq_act m n (G : 'M[R]_(m, n)) (steep : R) :
  1 <= steep -> a ^+ 2 <= steep -> sq (map_mx (act a) G) <= steep * sq G.
Proof.
move=> h1 h2; rewrite /sq /dot mulr_sumr; apply: ler_sum => i _; rewrite mulr_sumr.
apply: ler_sum => j _; rewrite mxE -!expr2 /act; have := sqr_ge0 (G i j).
by case: ifP => _; rewrite ?exprMn; move: (G i j ^+ 2) => g g0; nra.
Qed.

Lemma run_le N m n (W : 'M[R]_(N, n)) (l : layers m n) (H : 'M[R]_(N, m)) (steep w : R) :
  1 <= steep -> a ^+ 2 <= steep -> 0 <= w -> spectral_le W w ->
  dot W (run l H) ^+ 2 <= w * (steep ^+ hidden l * (sq H * sizes l)).
Proof.
move=> h1 h2 w0 hW; elim: l N W H hW => [m' n' X|m' k n' X rest ih] N W H hW /=.
  rewrite expr0 mul1r dotC dot_mulr; apply: le_trans (cauchy_schwarz _ _) _.
  rewrite mulrCA; apply: ler_wpM2l; first exact: sq_ge0.
  by rewrite -[sq X]sq_tr; apply: sq_mul_spectral.
apply: le_trans (ih _ _ _ hW) _; apply: ler_wpM2l => //; rewrite exprSr -mulrA.
apply: ler_wpM2l; first by rewrite exprn_ge0 // (le_trans ler01).
rewrite [leRHS](_ : _ = steep * (sq H * sq X) * sizes rest); last by ring.
apply: ler_wpM2r; first exact: sizes_ge0.
apply: le_trans (sq_act _ h1 h2) _; apply: ler_wpM2l; last exact: sq_mul.
exact: le_trans h1.
Qed.

(* `deep_bound`, rule "layers": squared, |W|_2^2 |F|_2^2 L^(2 (K - 1)) over the product of norms *)
Theorem deep_layers N m k n (F : 'M[R]_(N, m)) (W : 'M[R]_(N, n)) (X : 'M_(m, k)) (l : layers k n)
    (steep w s : R) :
  1 <= steep -> a ^+ 2 <= steep -> 0 <= w -> spectral_le W w -> spectral_le F s ->
  dot W (run (More X l) F) ^+ 2 <= w * s * steep ^+ hidden (More X l) * sizes (More X l).
Proof.
move=> h1 h2 w0 hW hF /=; have st0 : 0 <= steep by rewrite (le_trans ler01).
apply: le_trans (run_le _ _ h1 h2 w0 hW) _; rewrite -!mulrA; apply: ler_wpM2l => //.
rewrite exprS; have : sq (map_mx (act a) (F *m X)) <= steep * (s * sq X).
  apply: le_trans (sq_act _ h1 h2) _; apply: ler_wpM2l => //; exact: sq_mul_spectral.
have := sizes_ge0 l; have := exprn_ge0 (hidden l) st0; have := sq_ge0 X.
move: (steep ^+ _) (sizes l) (sq X) (sq (map_mx _ _)) => e z x g x0 e0 z0 le.
have := mulr_ge0 e0 z0; move: le => le ez.
have : e * z * g <= e * z * (steep * (s * x)) by apply: ler_wpM2l.
by lra.
Qed.

End Deep.
