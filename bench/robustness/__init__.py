"""What a user never wants to see: renders that are killed, inputs that are broken.

comparison       What two outputs of the same render have in common: all but signature and time
damaged_inputs   What is damaged: speech, target, options, spans, weights, cache
damaged_renders  A render with one damaged input, and what came of it
forks            Commands in processes that need not load the libraries first
killing          One render that is killed within a stage, and the run after it
kills            Renders killed at random moments, and run again → kills.md
mutants          Renders with damaged files → mutants.md
mutations        Damaged copies of files, and files that want to run code
traced           The command line, which writes down the stages that it enters
trials           Commands in surroundings of their own, and what they leave behind
"""
