"""The proof of the checks: right answers changed by program, and what the checks say of each.

A table of wrong answers that somebody thought of has the holes of those who thought. So every
right answer is changed in one place at a time (`mutating`, `operators`), and each such mutant must
lose points whatever is drawn; and it is rewritten so that nothing changes (`rewriting`), and each
rewriting must keep them all.

That mutants stand well for students' faults was measured by Clegg, McMinn and Fraser, "An
Empirical Study to Determine if Mutants Can Effectively Simulate Students' Programming Mistakes to
Increase Tutors' Confidence in Autograding" (SIGCSE 2021). Some faults that students make are
mutants of no answer like the instructor's: Perretta, DeOrio, Guha and Bell, "On the Use of Mutation
Analysis for Evaluating Student Test Suite Quality" (ISSTA 2022). So several right answers are
mutated, built differently.

The operators are our own: those of cosmic-ray and mutmut know numbers and symbols, but no axis,
no `keepdims`, no maximum subtracted and no row that is left out, which is where array code fails.
"""
