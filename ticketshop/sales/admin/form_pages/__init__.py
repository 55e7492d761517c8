"""Back-office pages of registration forms and their answers: assignment, answers, their list, missing answers."""
