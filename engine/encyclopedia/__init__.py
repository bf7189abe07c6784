"""The encyclopedia: what each rule does on a quadratic, and what a step of it costs."""
