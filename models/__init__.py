"""The words and the record of Depli; imports nothing else of ours."""
