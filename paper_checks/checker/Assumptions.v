From Checker Require Import Main.
Print Assumptions answer_sound.
