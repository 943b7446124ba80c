(* The words of a question and of an answer. *)

From Coq Require List.

Inductive theta_form := Product | Sum.

Inductive norm_form := L1 | L2 | LInf.

(* |u|_2^2 <= widest |u|^2 of u with k entries *)
Definition widest (p : norm_form) (k : nat) : nat := match p with LInf => k | _ => S O end.

Inductive sign := Free | NonNegative | NonPositive.

(* of each mode of a tensor its size and the sign of its vectors *)
Definition modes := list (nat * sign).
Definition size_of (l : modes) : nat := List.fold_right (fun d k => Nat.mul (fst d) k) 1 l.

Set Implicit Arguments.

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
