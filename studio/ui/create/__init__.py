"""The form: prompt, model, sampler and what else a picture is asked for with."""
