(* The words of a question and of an answer. *)

From Coq Require List.

Inductive theta_form := Product | Sum.

Inductive sign := Free | NonNegative | NonPositive.

(* of each mode of a tensor its size and the sign of its vectors *)
Definition modes := list (nat * sign).
Definition size_of (l : modes) : nat := List.fold_right (fun d k => Nat.mul (fst d) k) 1 l.

Set Implicit Arguments.

(* with weights of the squares; between l1 and l2; with numbers of the entries' groups: the sum of
   their l2 norms, or the largest *)
Inductive norm_form (T : Type) :=
| L1 | L2 | LInf | Weighted (w : list T) | Elastic (alpha : T) | Groups (g : list nat) | LargestGroup (g : list nat).
Arguments L1 {T}. Arguments L2 {T}. Arguments LInf {T}. Arguments Weighted {T}. Arguments Elastic {T}.
Arguments Groups {T}. Arguments LargestGroup {T}.

(* |u|_2 <= |u| *)
Definition outside_l2 (T : Type) (p : norm_form T) : bool :=
  match p with L1 | L2 | Elastic _ | Groups _ => true | _ => false end.

(* its number is a real number, or a dyadic one that stands for it *)
Inductive loss_form (T : Type) :=
| Squared | Huber (delta : T) | Quantile (tau : T) | Absolute | Hinge | SquaredHinge | Logistic
| KullbackLeibler | Poisson | Softmax.
Arguments Squared {T}. Arguments Huber {T}. Arguments Quantile {T}.
Arguments Absolute {T}. Arguments Hinge {T}. Arguments SquaredHinge {T}. Arguments Logistic {T}.
Arguments KullbackLeibler {T}. Arguments Poisson {T}. Arguments Softmax {T}.

(* whether it is of labels, 1 and -1 *)
Definition labelled (T : Type) (l : loss_form T) : bool :=
  match l with Hinge | SquaredHinge => true | _ => false end.

Definition logistic (T : Type) (l : loss_form T) : bool := match l with Logistic => true | _ => false end.

(* whether it is of classes, a row of one 1 and zeros each *)
Definition classes (T : Type) (l : loss_form T) : bool := match l with Softmax => true | _ => false end.

(* whether it is of counts, which are not negative, or of classes *)
Definition counted (T : Type) (l : loss_form T) : bool :=
  match l with KullbackLeibler | Poisson | Softmax => true | _ => false end.

(* whether it can be negative *)
Definition signed (T : Type) (l : loss_form T) : bool := match l with Poisson => true | _ => false end.

(* whether it has exp or log in it *)
Definition transcendental (T : Type) (l : loss_form T) : bool := logistic l || counted l.

Inductive verdict := Certified | Refuted | RankLimited | Undecided.
